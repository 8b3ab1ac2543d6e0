import { addressOf, isWeight, MAX_WEIGHT } from '../../../endpoint/endpoint.js';
import { parseJson } from '../../../runtime/parse-text.js';

/** What the values of all layouts are made of. Each throws an Error that says what is wrong. */

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A JSON object; anything else is an error. */
export function readObject(value: string): Readonly<Record<string, unknown>> {
  const read = asObject(parseJson(value));
  if (read === undefined) throw new Error('it is not a JSON object');
  return read;
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

/** `host:port`, with brackets around IPv6. */
export function readAddress(value: unknown, name: string): Address {
  const match = typeof value === 'string' ? /^(?:\[([^\]]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(value.trim()) : null;
  if (match === null) throw new Error(`${name} is not 'host:port'`);
  return { host: (match[1] ?? match[2])!, port: Number(match[3]) };
}

export function writeAddress(address: Address): string {
  return addressOf(address);
}

/** A weight of another's making: none, zero and less are `fallback`, too much is the most. */
export function readWeight(value: unknown, fallback = 1): number {
  const weight = typeof value === 'string' ? Number(value) : value;
  if (typeof weight !== 'number' || !(weight > 0)) return fallback;
  return isWeight(weight) ? weight : weight > MAX_WEIGHT ? MAX_WEIGHT : fallback;
}

/** The texts among the entries of an object; numbers and switches as texts. */
export function readTexts(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(asObject(value) ?? {}).filter(([, each]) => /string|number|boolean/.test(typeof each));
  return Object.fromEntries(entries.map(([key, each]) => [key, String(each)]));
}

export function readTextList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** The beginning of a key without slashes at its end. */
export function joinKey(...parts: readonly string[]): string {
  return parts
    .filter((part) => part !== '')
    .map((part) => part.replace(/\/+$/, ''))
    .join('/');
}
