import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DocumentCheck } from '../../src/config/check.js';
import type { Reader } from '../../src/runtime/options.js';
import type { Shape } from '../../src/runtime/shape.js';
import { isForPrograms } from '../../src/service/layers.js';
import { documentReader, documentSchema, resolverShape } from '../support/config-docs.js';

const accepts = new Ajv({ strict: false, allErrors: false }).compile(documentSchema(() => undefined));

function findings(document: unknown): readonly string[] {
  const check = new DocumentCheck({ SET: 'abc' });
  check.read(documentReader, document, []);
  return check.findings.map(({ message }) => message);
}

/** What no schema can say: rules between options, primes, and what a variable holds. */
const BEYOND_A_SCHEMA =
  /at most slowMs|more than max|means nothing without|a prime number|index from 0 to total|the lower one first|statuses and ranges|holds what a variable|values not shown|an object with version, tags or meta|together is|at least 0.01, or 0|an arm of the split|arm is .* one of|beside the other arms|or more beside one of|more than \d|a rule|no other route|one label|without a query|false where the origins|302, 303|origin such as|framing and Host|\{ address: true \}|name of a header in lower case|an IP address|host:port, http|minRefreshMs|same for all|none with|a name that no other source has/;

const JUNK = fc.constantFrom<unknown>(null, -1, 0, 1e12, 1.5, '', 'x', true, false, [], {}, { x: 1 }, [1, 2]);

/** Values for a reader: mostly allowed ones, each as near to the edge as anywhere. */
function valuesFor(reader: Reader<unknown>, depth = 0): fc.Arbitrary<unknown> {
  const { about } = reader;
  if (about === undefined) return fc.constant({});
  return fc.oneof({ weight: 30, arbitrary: allowedBy(about.shape, depth) }, { weight: 1, arbitrary: JUNK });
}

/** Resolvers within resolvers: what holds itself has to end. */
const MAX_DEPTH = 2;

function allowedBy(shape: Shape, depth: number): fc.Arbitrary<unknown> {
  const inner = (reader: Reader<unknown>): fc.Arbitrary<unknown> =>
    valuesFor(reader, shape === resolverShape ? depth + 1 : depth);
  switch (shape.type) {
    case 'boolean':
      return fc.boolean();
    case 'enum':
      return fc.constantFrom(...shape.values);
    case 'integer':
      return fc.oneof(fc.constantFrom(shape.min, shape.max), fc.integer({ min: shape.min, max: shape.min + 300 }));
    case 'number':
      return fc.oneof(
        fc.constantFrom(shape.min, Math.min(shape.max, 1e12)),
        fc.double({ min: shape.min, max: Math.min(shape.max, 1e9), noNaN: true }),
      );
    case 'text':
      return fc.constantFrom('abc', 'users', '/a', '127.0.0.1:5001', 'é', '/a b', `\${env:SET}`);
    case 'list':
      return fc.array(inner(shape.items), { minLength: shape.min ?? 0, maxLength: Math.min(shape.max ?? 3, 3) });
    case 'map':
      return fc.dictionary(fc.constantFrom('users', 'x-y', 'a b', 'zone.1'), inner(shape.values), { maxKeys: 2 });
    case 'choice':
      return fc.oneof(...shape.of.map(inner));
    case 'named': {
      const names = Object.entries(shape.names);
      if (depth > MAX_DEPTH) return fc.constantFrom('consul', 'dns', 'file', 'no-such');
      const withOptions = names.map(([name, each]) => inner(each).map((options) => ({ [name]: options })));
      return fc.oneof(fc.constantFrom(...names.map(([name]) => name)), ...withOptions);
    }
    case 'object': {
      const fields = (Object.entries(shape.fields) as [string, Reader<unknown>][]).filter(
        ([, each]) => !isForPrograms(each),
      );
      // Few at a time: of many, one is nearly always wrong.
      return fc.subarray(fields, { maxLength: Math.min(4, fields.length) }).chain((kept) => {
        const needed = fields.filter(([, each]) => each.about?.required === true);
        const oneOfMany = fields.filter(([name]) => (shape.one ?? shape.some)?.includes(name));
        const others = shape.one === undefined ? kept : kept.filter(([name]) => !shape.one!.includes(name));
        const chosen = [...new Set([...needed, ...others, ...oneOfMany.slice(0, 1)])];
        const record = fc.record(Object.fromEntries(chosen.map(([name, each]) => [name, inner(each)])));
        return fc.oneof(
          { weight: 30, arbitrary: record },
          { weight: 1, arbitrary: record.map((each) => ({ ...each, mispelt: 1 })) },
          { weight: 1, arbitrary: fc.constant({}) },
        );
      });
    }
    case 'code':
      throw new Error('only a program can give it');
  }
}

interface Seen {
  both: number;
  neither: number;
  beyond: number;
}

/** Whether the readers and the schema agree on it. */
function compare(document: unknown, seen: Seen): void {
  const found = findings(document);
  const taken = accepts(document);
  if (taken && found.length > 0) {
    seen.beyond++;
    expect(found.filter((message) => !BEYOND_A_SCHEMA.test(message))).toEqual([]);
    return;
  }
  expect({ taken, found: found.slice(0, 2) }).toEqual({ taken: found.length === 0, found: found.slice(0, 2) });
  seen[taken ? 'both' : 'neither']++;
}

describe('the JSON Schema and the readers', () => {
  it('accept the same documents', () => {
    const seen: Seen = { both: 0, neither: 0, beyond: 0 };
    fc.assert(
      fc.property(valuesFor(documentReader), (document) => compare(document, seen)),
      { numRuns: 1_500, seed: 1 },
    );
    expect(seen.both).toBeGreaterThan(300);
    expect(seen.neither).toBeGreaterThan(100);
    expect(seen.beyond).toBeLessThan(200);
  });

  it.each(Object.keys((resolverShape as Extract<Shape, { type: 'named' }>).names))(
    'accept the same of the resolver %s, alone and within others',
    (name) => {
      const seen: Seen = { both: 0, neither: 0, beyond: 0 };
      const { names } = resolverShape as Extract<Shape, { type: 'named' }>;
      const said = valuesFor(names[name]!, 1).map((options) => ({ [name]: options }));
      const documents = fc.oneof(
        said.map((resolver) => ({ resolver })),
        said.map((resolver) => ({
          resolver: { merge: { sources: [{ name: 'a', resolver }, { resolver: 'consul' }] } },
        })),
        fc.constant({ resolver: name }),
      );
      fc.assert(
        fc.property(documents, (document) => compare(document, seen)),
        { numRuns: 250, seed: 2 },
      );
      expect(seen.both).toBeGreaterThan(15);
      expect(seen.neither).toBeGreaterThan(5);
    },
  );
});
