import { FairleadError } from './errors.js';
import { described, type Reader } from './options.js';

export type Pem = string | Uint8Array;

function isPem(value: unknown): value is Pem {
  return (typeof value === 'string' && value !== '') || value instanceof Uint8Array;
}

function refused(name: string): FairleadError {
  return new FairleadError('FAIRLEAD_INVALID_OPTION', `${name} is refused (value not shown): allowed is PEM.`);
}

/** A certificate or a key, whose value no error shows. */
export function pem(isSecret: boolean): Reader<Pem | undefined> {
  return described({ shape: { type: 'text', secret: isSecret } }, (value, name) => {
    if (value === undefined || isPem(value)) return value;
    throw refused(name);
  });
}

/** A certificate, or several. */
export function pems(): Reader<Pem | readonly Pem[] | undefined> {
  const one: Reader<unknown> = pem(false);
  const many = described({ shape: { type: 'list', items: one } }, (value) => value);
  return described({ shape: { type: 'choice', of: [one, many] } }, (value, name) => {
    if (value === undefined || isPem(value) || (Array.isArray(value) && value.every(isPem))) return value;
    throw refused(name);
  });
}
