import { optionReaders } from '../../../src/adapter.js';

const { integer, invalidOption, isRecord, optional, text } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

/** The longest time that an option of this door takes. */
export const DAY_MS = 86_400_000;

/** The name of a service, which must be given. */
export const serviceName: Reader<string> = (value, name) => {
  const given = text(undefined)(value, name);
  if (given !== undefined) return given;
  throw invalidOption(name, value, 'the name of a service');
};

/** Anything that aborts. */
export const signal: Reader<AbortSignal | undefined> = optional((value, name) => {
  if (typeof (value as AbortSignal | null)?.aborted === 'boolean') return value as AbortSignal;
  throw invalidOption(name, value, 'an AbortSignal');
});

export interface Where {
  readonly port: number;
  readonly host?: string;
}

/** Where to listen. Node takes a text for the path of a socket, and nothing for any port. */
export function readWhere<T extends Where>(where: T): T {
  if (!isRecord(where)) throw invalidOption('listen', where, 'an object with port, host');
  const { port }: Where = where;
  if (port === undefined) throw invalidOption('listen.port', port, 'a whole number from 0 to 65535');
  integer(0, 0, 65_535)(port, 'listen.port');
  return where;
}
