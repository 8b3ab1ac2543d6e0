import { expect } from 'vitest';
import { readHead } from '../../../src/discovery/consul/answer.js';
import { ArraySplitter } from '../../../src/discovery/consul/array-splitter.js';
import { readEntry, UnreadableEntry } from '../../../src/discovery/consul/health-entry.js';
import type { FuzzTarget } from '../target.js';

const entry = {
  Node: { Node: 'n1', Address: '10.0.0.1', Meta: { zone: 'a' }, TaggedAddresses: { lan: '10.0.0.1' } },
  Service: {
    ID: 'users-1',
    Service: 'users',
    Address: '[::1]',
    Port: 5001,
    Tags: ['v1'],
    Meta: { version: '1' },
    Weights: { Passing: 2, Warning: 1 },
    TaggedAddresses: { wan: { Address: '1.2.3.4', Port: 80 } },
  },
  Checks: [{ Status: 'passing' }, { Status: 'warning' }],
};
const words = [
  '"Weights"',
  '"Meta":null',
  '"Port":',
  '"Checks":[null]',
  '"critical"',
  '"Tags":{}',
  '[]',
  '{}',
  '5e-324',
];
const options = { passingOnly: false, addressTag: 'wan', zoneKey: 'zone' } as Parameters<typeof readEntry>[1];
const notJson = (error: unknown): boolean => error instanceof SyntaxError || error instanceof UnreadableEntry;

export const consul: readonly FuzzTarget[] = [
  {
    name: 'consul-entry',
    examples: [JSON.stringify(entry), '{"Node":{},"Service":{}}'],
    words,
    refusal: notJson,
    read(input) {
      const { spec } = readEntry(input, options);
      expect(typeof spec.host).toBe('string');
      expect(spec.weight).toBeGreaterThanOrEqual(0);
      expect(Object.values(spec.meta).every((value) => typeof value === 'string')).toBe(true);
    },
  },
  {
    name: 'consul-list',
    examples: [JSON.stringify([entry, entry]), '[]', `[ ${JSON.stringify(entry)} ]\n`],
    words,
    refusal: (error) => error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError),
    read(input) {
      // However the bytes are cut into chunks, the elements are the same.
      const whole = split(input, [input]);
      const bytewise = split(
        input,
        [...input].map((byte) => Buffer.of(byte)),
      );
      expect(bytewise).toEqual(whole);
      if (whole instanceof Error) throw whole;
    },
  },
  {
    name: 'consul-head',
    examples: ['12', '18446744073709551615', '-1'],
    read(input) {
      const text = input.toString('latin1');
      const head = readHead({ 'x-consul-index': text, 'x-consul-lastcontact': text, age: text });
      expect(head.index).toBeGreaterThanOrEqual(0n);
      expect(head.ageMs).toBeGreaterThanOrEqual(0);
    },
  },
];

function split(input: Buffer, chunks: readonly Buffer[]): readonly string[] | Error {
  const elements: string[] = [];
  const splitter = new ArraySplitter((bytes) => elements.push(bytes.toString('latin1')), input.length + 1);
  try {
    for (const chunk of chunks) splitter.write(chunk);
    splitter.end();
  } catch (error) {
    return error as Error;
  }
  return elements;
}
