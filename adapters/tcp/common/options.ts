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

/** Anything that aborts. */
export const signal: Reader<AbortSignal | undefined> = optional((value, name) => {
  if (typeof (value as AbortSignal | null)?.aborted === 'boolean') return value as AbortSignal;
  throw invalidOption(name, value, 'an AbortSignal');
});
