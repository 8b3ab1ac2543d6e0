import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNote } from '../../../../adapters/redis/handover/ring-note.js';
import { Seal } from '../../../../adapters/redis/handover/seal.js';

const text = fc.string({ minLength: 1 });
const shard = fc.record({
  name: text,
  id: text,
  host: text,
  port: fc.integer({ min: 1, max: 65_535 }),
  weight: fc.double({ min: 1e-6, max: 65_535, noNaN: true }),
  readOnly: fc.boolean(),
  replicas: fc.array(text, { maxLength: 2 }),
});
const ring = fc.record({
  placement: text,
  compatibility: text,
  shards: fc.array(shard, { minLength: 1, maxLength: 4 }),
});
const note = fc.record({
  ring,
  windows: fc.array(fc.record({ ring, dueMs: fc.double({ noNaN: true, noDefaultInfinity: true }) }), { maxLength: 8 }),
});

describe('the note of a ring', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(note, (given) => {
        expect(parseNote(JSON.stringify(given))).toEqual(JSON.parse(JSON.stringify(given)));
      }),
    );
  });

  it('is nothing where any part of it is something else, whatever it is', () => {
    fc.assert(
      fc.property(note, fc.jsonValue(), fc.nat(), (given, odd, at) => {
        const copy = JSON.parse(JSON.stringify(given));
        const names = Object.keys(copy.ring.shards[0]);
        const name = names[at % names.length]!;
        fc.pre(typeof odd !== typeof copy.ring.shards[0][name] || odd === null);
        copy.ring.shards[0][name] = odd;
        expect(parseNote(JSON.stringify(copy))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.anything(), (odd) => {
        expect(parseNote(String(JSON.stringify(odd)))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.string(), (odd) => {
        expect(parseNote(odd)).toBeUndefined();
      }),
    );
  });
});

describe('the seal of a note', () => {
  it('is opened by the same password and service alone, and by none where a letter is changed', async () => {
    const seal = new Seal('store', () => 'hush');
    const closed = await seal.close('what is noted');
    expect(await new Seal('store', () => 'hush').open(closed)).toBe('what is noted');
    for (const other of [
      new Seal('cache', () => 'hush'),
      new Seal('store', () => 'other'),
      new Seal('store', () => undefined),
    ]) {
      expect(await other.open(closed)).toBeUndefined();
    }
    for (let at = 0; at < closed.length; at++) {
      expect(await seal.open(`${closed.slice(0, at)}~${closed.slice(at + 1)}`)).toBeUndefined();
    }
    for (const odd of ['', ' ', 'x', 'no seal']) expect(await seal.open(odd)).toBeUndefined();
    expect(closed).not.toContain('hush');
  });

  it('follows a password that changes', async () => {
    let password: string | undefined;
    const seal = new Seal('store', () => password);
    const before = await seal.close('noted');
    password = 'later';
    expect(await seal.open(before)).toBeUndefined();
    expect(await new Seal('store', () => 'later').open(await seal.close('noted'))).toBe('noted');
  });
});
