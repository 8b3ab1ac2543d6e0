import { createMesh } from 'fairlead';
import { type ConfigError, createConfigStore } from 'fairlead/config';
import { describe, expect, it } from 'vitest';

async function problemsOf(text: string): Promise<string[]> {
  await using mesh = createMesh();
  const config = createConfigStore(mesh, { compare: false });
  const error = (await config.apply(text).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as ConfigError | undefined;
  if (error !== undefined) expect(error.code).toBe('FAIRLEAD_INVALID_OPTION');
  return (error?.problems ?? []).map(({ line, column, message }) => `${line}:${column} ${message}`);
}

async function documentOf(text: string): Promise<unknown> {
  await using mesh = createMesh();
  return (await createConfigStore(mesh, { compare: false }).apply(text)).document;
}

describe('the text of a document', () => {
  it('is refused where it is nested deeper than any document means', async () => {
    const texts = [
      `${'{"services":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      `services: ${'{ a: '.repeat(3_000)}1${'}'.repeat(3_000)}`,
      `x: ${'['.repeat(20_000)}${']'.repeat(20_000)}`,
      `${'- '.repeat(5_000)}x`,
      Array.from({ length: 2_000 }, (_, level) => `${' '.repeat(level)}a:\n`).join(''),
    ];
    for (const text of texts) {
      expect(await problemsOf(text)).toEqual([expect.stringMatching(/refused: it is nested more than 100 deep\.$/)]);
    }
  });

  it.each([
    ['a set', 'services: !!set { users, orders }', 'it holds a value that JSON has not'],
    [
      'a date',
      'services: { users: { discovery: { since: !!timestamp 2026-01-01 } } }',
      'it holds a value that JSON has not',
    ],
    ['bytes', 'services: { users: { discovery: { tag: !!binary aGVsbG8= } } }', 'it holds a value that JSON has not'],
    ['a tag of its own', 'services: !mine { users: {} }', 'Unresolved tag'],
    ['an alias for a name', 'defaults: &d {}\nservices: { *d : {} }', 'With stringKeys, all keys must be strings'],
  ])('is refused where YAML has what JSON cannot say: %s', async (_, text, message) => {
    expect(await problemsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  it('takes a number and a text as one name, which stands twice then', async () => {
    expect(await problemsOf('services:\n  1: {}\n  "1": {}\n')).toEqual([
      expect.stringMatching(/^3:3 .*must be unique/),
    ]);
    expect(await documentOf('services:\n  010: {}\n')).toEqual({ services: { '010': {} } });
  });

  it('may say one thing once: by an anchor, and by merging', async () => {
    const text =
      'services:\n  users: &all { policy: random, panicThreshold: 0 }\n  orders: { <<: *all, policy: round_robin }\n';
    expect(await documentOf(text)).toEqual({
      services: {
        users: { policy: 'random', panicThreshold: 0 },
        orders: { policy: 'round_robin', panicThreshold: 0 },
      },
    });
    expect(await problemsOf(text.replace('panicThreshold: 0', 'panicThreshold: 7'))).toEqual([
      expect.stringMatching(/^2:\d+ services\.users\.panicThreshold is 7/),
      expect.stringMatching(/^3:\d+ services\.orders\.panicThreshold is 7/),
    ]);
  });

  it('may begin with a byte order mark, in JSON as in YAML', async () => {
    for (const text of ['{"services":{}}', 'services: {}\n']) {
      expect(await documentOf(`\uFEFF${text}`)).toEqual({ services: {} });
    }
  });
});

it('an option that a program alone can give is not among those that a document may have', async () => {
  for (const text of ['services:\n  users:\n', 'services: { users: 3 }', 'defaults: []']) {
    const [problem, ...more] = await problemsOf(text);
    expect(more).toEqual([]);
    expect(problem).toMatch(/allowed is an object with policy, health, /);
    expect(problem).not.toMatch(/classify|fallback,/);
  }
});
