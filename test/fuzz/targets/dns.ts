import { expect } from 'vitest';
import { NoSuchName } from '../../../src/discovery/dns/lookups.js';
import { readName } from '../../../src/discovery/dns/read-name.js';
import { ScriptedDns } from '../../support/scripted-dns.js';
import type { FuzzTarget } from '../target.js';

// node:dns parses the bytes; what is left to us is whatever it may hand over, here as JSON.
const answer = {
  a: [{ address: '10.0.0.1', ttl: 5 }],
  aaaa: [{ address: '::1', ttl: 0 }],
  srv: [{ name: 'a.example', port: 80, priority: 0, weight: 0 }],
};

export const dns: readonly FuzzTarget[] = (['a', 'both', 'srv'] as const).map((records) => ({
  name: `dns-${records}`,
  examples: [JSON.stringify(answer)],
  words: ['"ttl":-1', '"ttl":1e10', '"address":"::ffff:1.2.3.4"', '"weight":65535', '"priority":65535', '"name":"."'],
  refusal: (error) => error instanceof NoSuchName || error instanceof SyntaxError,
  async read(input: Buffer) {
    const { a, aaaa, srv } = typed(JSON.parse(input.toString()));
    const lookups = new ScriptedDns();
    lookups.a4.users = a;
    lookups.a6.users = aaaa;
    lookups.services.users = srv;
    for (const { name } of srv) lookups.a4[name] = a;
    const query = { name: 'users', records, port: 80, refreshMs: undefined } as never;
    const { endpoints, ttl } = await readName(query, lookups, new Map());
    expect(Number.isNaN(ttl)).toBe(false);
    for (const { port, weight } of endpoints) {
      expect(port).toBeGreaterThanOrEqual(0);
      expect(weight).toBeGreaterThan(0);
    }
  },
}));

/** As node:dns types it; numbers are those of the wire. */
function typed(value: unknown): typeof answer {
  const list = (name: string): unknown[] => {
    const found = (value as Record<string, unknown> | null)?.[name];
    return Array.isArray(found) ? found : [];
  };
  const u16 = (number: unknown): number => (Number(number) >>> 0) % 65_536;
  const object = (each: unknown): Record<string, unknown> => (each ?? {}) as Record<string, unknown>;
  const addresses = (name: string) =>
    list(name).map((each) => ({ address: String(object(each).address), ttl: Number(object(each).ttl) >>> 0 }));
  return {
    a: addresses('a'),
    aaaa: addresses('aaaa'),
    srv: list('srv').map((each) => ({
      name: String(object(each).name),
      port: u16(object(each).port),
      priority: u16(object(each).priority),
      weight: u16(object(each).weight),
    })),
  };
}
