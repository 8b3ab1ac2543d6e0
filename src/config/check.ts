import { FairleadError, toError } from '../runtime/errors.js';
import { isRecord, type Reader, type Schema } from '../runtime/options.js';
import type { Shape } from '../runtime/shape.js';
import { holdsCredentials, isSecretName, showText } from '../runtime/shown.js';
import { isForPrograms } from '../service/layers.js';
import { nearest } from './nearest.js';
import { type Path, pathText } from './path.js';
import { hasReference, resolveReferences, WHOLE_REFERENCE } from './references.js';

/** Something that is wrong, and where. */
export interface Finding {
  readonly path: Path;
  /** The name at the end of the path is what is wrong. */
  readonly ofKey: boolean;
  readonly message: string;
  readonly nearest: string | undefined;
}

/**
 * Reads a document by a reader, and collects all that is wrong instead of stopping at the first.
 * The readers decide; their descriptions lead to the parts, each of which is read by its own.
 * Values are resolved only where a text belongs: what `${env:NAME}` holds is shown by no finding.
 */
export class DocumentCheck {
  readonly findings: Finding[] = [];
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** The value with what its references hold; meaningless where there are findings. */
  read(reader: Reader<unknown>, value: unknown, path: Path): unknown {
    const before = this.findings.length;
    const resolved = this.#within(reader, reader.about?.shape, value, path);
    // What parts say together is known once each is right by itself.
    if (this.findings.length === before) this.#ask(reader, resolved, value, path);
    return resolved;
  }

  #within(reader: Reader<unknown>, shape: Shape | undefined, value: unknown, path: Path): unknown {
    if (shape?.type === 'choice') return this.#choose(shape.of, value, path);
    if (shape?.type === 'text' && typeof value === 'string') return this.#text(shape.secret === true, value, path);
    if (shape?.type === 'object' && isRecord(value)) return this.#fields(shape.fields, value, path);
    if (shape?.type === 'named') return this.#named(shape.names, value, path);
    if (shape?.type === 'list' && Array.isArray(value)) {
      return value.map((each, index) => this.read(shape.items, each, [...path, index]));
    }
    if (shape?.type === 'map' && isRecord(value)) {
      const read = Object.entries(value).map(([name, each]) => [name, this.#entry(shape.values, name, each, path)]);
      return Object.fromEntries(read);
    }
    if (reader.about === undefined) return this.#unread(value, path);
    return value;
  }

  #fields(fields: Schema<object>, value: Record<string, unknown>, path: Path): Record<string, unknown> {
    const readers = fields as Record<string, Reader<unknown>>;
    const known = Object.keys(readers).filter((name) => !isForPrograms(readers[name]!));
    const read: [string, unknown][] = [];
    for (const [name, each] of Object.entries(value)) {
      const at = [...path, name];
      if (known.includes(name)) read.push([name, this.read(readers[name]!, each, at)]);
      else if (Object.hasOwn(readers, name)) this.#find(at, true, `${pathText(at)} can be given by a program only.`);
      else {
        const there = known.length === 0 ? 'there are none' : `there are ${known.join(', ')}`;
        this.#find(at, true, `${pathText(at)} is not an option: ${there}.`, nearest(name, known));
      }
    }
    for (const name of known) {
      if (!Object.hasOwn(value, name) && readers[name]!.about?.required === true) {
        this.#ask(readers[name]!, undefined, undefined, [...path, name]);
      }
    }
    return Object.fromEntries(read);
  }

  /** A value under a name of the user's own. */
  #entry(reader: Reader<unknown>, name: string, value: unknown, path: Path): unknown {
    const at = [...path, name];
    if (
      typeof value === 'string' &&
      (isSecretName(name) || /cookie|api-?key|auth/i.test(name)) &&
      !hasReference(value)
    ) {
      this.#find(at, false, `${pathText(at)} may be a secret (value not shown): write it as \${env:NAME}.`);
      return value;
    }
    return this.read(reader, value, at);
  }

  #choose(of: readonly Reader<unknown>[], value: unknown, path: Path): unknown {
    const fits = (type: Shape['type'] | undefined): boolean => {
      if (isRecord(value)) return type === 'object' || type === 'map' || type === 'named';
      if (Array.isArray(value)) return type === 'list';
      return typeof value === 'string' && (type === 'text' || type === 'named' || type === 'enum');
    };
    const alternative = of.find((reader) => fits(reader.about?.shape.type));
    return alternative === undefined ? value : this.#within(alternative, alternative.about?.shape, value, path);
  }

  #named(names: Readonly<Record<string, Reader<unknown>>>, value: unknown, path: Path): unknown {
    const known = Object.keys(names);
    const [name, options] =
      typeof value === 'string' ? [value] : isRecord(value) ? (Object.entries(value)[0] ?? []) : [];
    if (name === undefined || (isRecord(value) && Object.keys(value).length !== 1)) {
      this.#find(
        path,
        false,
        `${pathText(path)} is not a name, nor one name with its options: names are ${known.join(', ')}.`,
      );
      return value;
    }
    if (!Object.hasOwn(names, name)) {
      const message = `${pathText(path)} is ${showText(name)}: allowed is one of ${known.join(', ')}.`;
      this.#find(isRecord(value) ? [...path, name] : path, isRecord(value), message, nearest(name, known));
      return value;
    }
    return isRecord(value) ? { [name]: this.read(names[name]!, options, [...path, name]) } : value;
  }

  #text(secret: boolean, value: string, path: Path): string {
    if (secret && !WHOLE_REFERENCE.test(value)) {
      this.#find(path, false, `${pathText(path)} is a secret (value not shown): write it as \${env:NAME}.`);
      return value;
    }
    if (!hasReference(value)) {
      const opensADoor = holdsCredentials(value) && (value.includes('://') || !value.includes('@'));
      if (opensADoor)
        this.#find(path, false, `${pathText(path)} holds a credential (value not shown): write it as \${env:NAME}.`);
      return value;
    }
    const { text, problem } = resolveReferences(value, this.#env);
    if (problem !== undefined) this.#find(path, false, `${pathText(path)} ${problem}.`);
    return text;
  }

  /** What is read elsewhere: its texts may hold references all the same. */
  #unread(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return this.#text(false, value, path);
    if (Array.isArray(value)) return value.map((each, index) => this.#unread(each, [...path, index]));
    if (!isRecord(value)) return value;
    const reader: Reader<unknown> = (each) => each;
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, this.#entry(reader, name, each, path)]),
    );
  }

  #ask(reader: Reader<unknown>, resolved: unknown, raw: unknown, path: Path): void {
    try {
      reader(resolved, pathText(path));
    } catch (thrown) {
      const message = forDocuments(toError(thrown).message, reader.about?.shape);
      const shown = holdsReference(raw) ? withoutValue(message, path) : message;
      const near =
        typeof raw === 'string' && reader.about?.shape.type === 'enum'
          ? nearest(raw, reader.about.shape.values)
          : undefined;
      if (thrown instanceof FairleadError) this.#find(path, false, shown, near);
      else throw thrown;
    }
  }

  #find(path: Path, ofKey: boolean, message: string, near?: string): void {
    this.findings.push({ path, ofKey, message, nearest: near });
  }
}

/** What a reader says, without those of the options it lists that a program alone can give. */
function forDocuments(message: string, shape: Shape | undefined): string {
  if (shape?.type === 'choice') return shape.of.reduce((text, each) => forDocuments(text, each.about?.shape), message);
  if (shape?.type !== 'object') return message;
  const fields = Object.entries(shape.fields as Record<string, Reader<unknown>>);
  const names = (of: typeof fields): string => `an object with ${of.map(([name]) => name).join(', ')}`;
  return message.replace(names(fields), names(fields.filter(([, reader]) => !isForPrograms(reader))));
}

function holdsReference(value: unknown): boolean {
  if (typeof value === 'string') return hasReference(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(holdsReference);
}

/** What a reader says of a value that came from a variable, without it. */
function withoutValue(message: string, path: Path): string {
  // Of names alone.
  if (/^[\w.[\]]+ means nothing without [\w.[\]]+\.$/.test(message)) return message;
  const at = message.lastIndexOf(': allowed is ');
  const allowed = at === -1 ? '.' : message.slice(at);
  return `${pathText(path)} holds what a variable holds, which is refused (value not shown)${allowed}`;
}
