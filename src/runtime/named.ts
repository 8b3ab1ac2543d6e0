import { described, invalidOption, isRecord, type Reader } from './options.js';

/** How to make a thing that options can name: what reads its options, and what makes it. */
export interface Kind<T> {
  readonly options: Reader<unknown>;
  make(options: never): T;
}

/**
 * Reads what options name as a configuration writes it, `consecutive_failures` or
 * `{ consecutive_failures: { failures: 3 } }`, and makes it. `ready` takes what a program made
 * itself: undefined where it is not that.
 */
export function named<T>(
  kinds: Readonly<Record<string, Kind<T>>>,
  ready: (value: unknown) => T | undefined,
  allowed: string,
): Reader<T> {
  const names = Object.fromEntries(Object.entries(kinds).map(([name, { options }]) => [name, options]));
  return described({ shape: { type: 'named', names } }, (value, name) => {
    const own = ready(value);
    if (own !== undefined) return own;
    const given = typeof value === 'string' ? [[value, undefined]] : isRecord(value) ? Object.entries(value) : [];
    const [kindName, options] = (given.length === 1 ? given[0] : []) as [string?, unknown?];
    if (kindName === undefined || !Object.hasOwn(kinds, kindName)) {
      throw invalidOption(name, value, `${allowed}; names are ${Object.keys(kinds).join(', ')}`);
    }
    const kind = kinds[kindName]!;
    // For an error that says where: what makes it does not know.
    kind.options(options, `${name}.${kindName}`);
    return kind.make(options as never);
  });
}
