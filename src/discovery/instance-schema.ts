import { integer, invalidOption, type Reader, text, textList } from '../runtime/options.js';
import type { InstanceInput } from './registrar.js';

/** Readers of what every registrar is told of an instance. */

export const requiredText: Reader<string> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidOption(name, value, 'a string that is not empty');
};

export const requiredPort: Reader<number> = (value, name) => {
  if (value === undefined) throw invalidOption(name, value, 'a port from 1 to 65535');
  return integer(0, 1, 65_535)(value, name);
};

export const textRecord: Reader<Readonly<Record<string, string>>> = (value, name) => {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw invalidOption(name, value, 'an object of strings');
  for (const [key, each] of Object.entries(value)) {
    if (typeof each !== 'string') throw invalidOption(`${name}.${key}`, each, 'a string');
  }
  return value as Record<string, string>;
};

export const instanceSchema: { readonly [Key in keyof Required<InstanceInput>]: Reader<unknown> } = {
  service: requiredText,
  id: text(undefined),
  host: text(undefined),
  port: requiredPort,
  weight: integer(1, 1, 65_535),
  zone: text(undefined),
  tags: textList(),
  meta: textRecord,
};
