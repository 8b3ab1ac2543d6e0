import { FairleadError } from './errors.js';
import type { Description, Reader, Rule, Schema, Shape } from './shape.js';
import { holdsCredentials, show, showKind, showName, withoutCredentials } from './shown.js';

export type { Reader, Schema } from './shape.js';

// Reads options at the door. A schema library would do the same at 50 ms per import; these are a
// few lines, and say as data what they allow.

/** Joins a reader to what it says of itself. */
export function described<T>(about: Description, read: (value: unknown, name: string) => T): Reader<T> {
  return Object.assign(read, { about });
}

/**
 * The error for a refused option. Shows the value, except for what may be a credential: what that
 * is says `show`. A text where an object or a list belongs is not shown at all.
 */
export function invalidOption(name: string, value: unknown, allowed: string): FairleadError {
  const shown = /^an (?:object|array)\b/.test(allowed) ? showKind(value) : show(value, name);
  // Names of entries are part of it, and may be anything.
  const where = withoutCredentials(name);
  return new FairleadError('FAIRLEAD_INVALID_OPTION', `${where} is ${shown}: allowed is ${allowed}.`);
}

/**
 * Reads a whole options object. Unknown keys are refused with the list of the known ones;
 * `undefined` for the whole means no options given. `context` leads every message: `peak_ewma`
 * makes `peak_ewma.decayMs is -1: allowed is …`.
 */
export function readOptions<T>(context: string, options: unknown, schema: Schema<T>): T {
  const given = (options ?? {}) as Record<string, unknown>;
  if (options !== undefined) refuseUnknown(context, options, schema);
  const read: Record<string, unknown> = {};
  for (const [key, reader] of readersOf(schema)) read[key] = reader(given[key], `${context}.${key}`);
  return read as T;
}

/** A list of endpoints is read by one schema, thousands of times. */
const readers = new WeakMap<object, readonly [string, Reader<unknown>][]>();

function readersOf(schema: object): readonly [string, Reader<unknown>][] {
  let known = readers.get(schema);
  if (known === undefined) {
    known = Object.entries(schema) as [string, Reader<unknown>][];
    readers.set(schema, known);
  }
  return known;
}

/**
 * A reader of an options object, which is `readOptions` and says so. `finish` checks what several
 * of the options say together, which `rules` put into words.
 */
export function fields<T extends object, R = T>(
  schema: Schema<T>,
  finish?: (read: T, name: string) => R,
  ...rules: readonly Rule[]
): Reader<R> {
  const words = rules.filter((rule) => typeof rule === 'string');
  const counts = Object.assign({}, ...rules.filter((rule) => typeof rule === 'object'));
  const all = schema as Schema<object>;
  const shape: Shape = { type: 'object', fields: all, ...(words.length > 0 && { rules: words }), ...counts };
  return described({ shape }, (value, name) => {
    const read = readOptions<T>(name, value, schema);
    return finish === undefined ? (read as unknown as R) : finish(read, name);
  });
}

/** Refuses what is not an object, and keys that the schema does not have. */
export function refuseUnknown(context: string, options: unknown, schema: object): void {
  if (!isRecord(options)) {
    throw invalidOption(context, options, `an object with ${Object.keys(schema).join(', ') || 'nothing in it'}`);
  }
  for (const key of Object.keys(options)) {
    if (Object.hasOwn(schema, key)) continue;
    throw unknownOption(`${context}.`, key, Object.keys(schema));
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The error for an option that does not exist: names those that do. `prefix` ends with a dot. */
export function unknownOption(prefix: string, key: string, known: readonly string[]): FairleadError {
  return new FairleadError(
    'FAIRLEAD_INVALID_OPTION',
    `${prefix}${showName(key)} is not an option: there ${listNames(known)}.`,
  );
}

function listNames(names: readonly string[]): string {
  if (names.length === 0) return 'are none';
  return `${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
}

/** A number from `min` to `max`, both included; infinite only where `max` is Infinity. */
export function number(fallback: number, min: number, max: number): Reader<number> {
  return described({ shape: { type: 'number', min, max }, fallback }, (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw invalidOption(name, value, `a number from ${min} to ${max}`);
  });
}

/** A number above 0, up to `max`. */
export function positive(fallback: number, max: number): Reader<number> {
  return described({ shape: { type: 'number', min: 0, max, above: true }, fallback }, (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === 'number' && value > 0 && value <= max) return value;
    throw invalidOption(name, value, `a number above 0 to ${max}`);
  });
}

/** A whole number from `min` to `max`, both included. */
export function integer(fallback: number, min: number, max: number): Reader<number> {
  return described({ shape: { type: 'integer', min, max }, fallback }, (value, name) => {
    if (value === undefined) return fallback;
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
    throw invalidOption(name, value, `a whole number from ${min} to ${max}`);
  });
}

export function boolean(fallback: boolean): Reader<boolean> {
  return described({ shape: { type: 'boolean' }, fallback }, (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    throw invalidOption(name, value, 'true or false');
  });
}

/** `true` for the defaults, `false` for none, or options. */
export function onOff<T>(reader: Reader<T>, fallback: boolean): Reader<T | undefined> {
  const either: Shape = { type: 'choice', of: [boolean(fallback), reader] };
  return described({ shape: either, fallback }, (value, name) => {
    const given = value === undefined ? fallback : value;
    return given === false ? undefined : reader(given === true ? {} : given, name);
  });
}

export function oneOf<const T extends string>(fallback: T, ...allowed: readonly T[]): Reader<T> {
  return described({ shape: { type: 'enum', values: allowed }, fallback }, (value, name) => {
    if (value === undefined) return fallback;
    if (allowed.includes(value as T)) return value as T;
    throw invalidOption(name, value, `one of ${allowed.join(', ')}`);
  });
}

/** A non-empty string, or `fallback` where none is given. */
export function text<T extends string | undefined>(fallback: T): Reader<string | T> {
  return described({ shape: { type: 'text' }, fallback }, (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === 'string' && value.length > 0) return value;
    throw invalidOption(name, value, 'a string that is not empty');
  });
}

/** Like `text`, for tokens and passwords: the value is never shown. */
export function secret(): Reader<string | undefined> {
  return described({ shape: { type: 'text', secret: true } }, (value, name) => {
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value.length > 0) return value;
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name} is not a string that is not empty (value not shown).`);
  });
}

export function textList(): Reader<readonly string[]> {
  const items = described({ shape: { type: 'text', mayBeEmpty: true } }, (value) => value);
  return described({ shape: { type: 'list', items }, fallback: [] }, (value, name) => {
    if (value === undefined) return [];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw invalidOption(name, value, 'an array of strings');
  });
}

/** A function, or undefined where none is given. */
export function callback<T extends (...args: never[]) => unknown>(): Reader<T | undefined> {
  return described({ shape: { type: 'code' } }, (value, name) => {
    if (value === undefined || typeof value === 'function') return value as T | undefined;
    throw invalidOption(name, value, 'a function');
  });
}

/** Anything the reader takes, or undefined where none is given. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  const read: Reader<T | undefined> = (value, name) => (value === undefined ? undefined : reader(value, name));
  return reader.about === undefined ? read : described({ shape: reader.about.shape }, read);
}

/** What the reader takes, which must be given: no default suits every caller. */
export function required<T>(reader: Reader<T>, allowed: string): Reader<T> {
  const read: Reader<T> = (value, name) => {
    if (value === undefined) throw invalidOption(name, value, allowed);
    return reader(value, name);
  };
  return reader.about === undefined ? read : described({ shape: reader.about.shape, required: true }, read);
}

/** Any value, unread: for what is checked where it is used. */
export function unchecked<T>(): Reader<T | undefined> {
  return (value) => value as T | undefined;
}

/** The name of a service, or another that is not empty and holds no credentials. */
export function checkName(name: unknown, what: string): string {
  if (typeof name !== 'string' || name === '') throw invalidOption(what, name, 'a string that is not empty');
  if (holdsCredentials(name)) throw invalidOption(what, name, 'a name, without credentials');
  return name;
}

export { withoutCredentials };
