import type { ConnectionOptions } from 'node:tls';
import { optionReaders } from '../../../src/adapter.js';

const { invalidOption, optional, text } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

/** The longest time that an option of this door takes. */
export const DAY_MS = 86_400_000;

/** The name of a service, which must be given. */
export const serviceName: Reader<string> = (value, name) => {
  const given = text(undefined)(value, name);
  if (given !== undefined) return given;
  throw invalidOption(name, value, 'the name of a service');
};

/** `true`, or what `tls.connect` takes; a private key may be in it, so it is not shown. */
export const tls: Reader<ConnectionOptions | undefined> = (value, name) => {
  if (value === undefined || value === false) return undefined;
  if (value === true) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as ConnectionOptions;
  throw invalidOption(name, typeof value, 'true, false, or an object of options for tls.connect');
};

/** Anything that aborts. */
export const signal: Reader<AbortSignal | undefined> = optional((value, name) => {
  if (typeof (value as AbortSignal | null)?.aborted === 'boolean') return value as AbortSignal;
  throw invalidOption(name, value, 'an AbortSignal');
});
