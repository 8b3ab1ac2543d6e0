import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { SessionWriter, type Unwritten } from '../../src/affinity/session-writer.js';

const binding = (endpointId: string, replaces?: string): Unwritten => ({
  endpointId,
  replaces,
  sent: [],
  attempts: 0,
});

interface Write {
  readonly key: string;
  readonly endpointId: string;
  readonly replaces: string | undefined;
  answer(bound: string): Promise<void>;
  refuse(): Promise<void>;
}

/** A writer whose store answers when it is told to. */
function world(maxPending = 100) {
  const clock = new ManualClock();
  const writes: Write[] = [];
  const bound: [string, string][] = [];
  const failures: string[] = [];
  const writer = new SessionWriter({
    clock,
    maxPending,
    bind: (key, endpointId, replaces) =>
      new Promise((resolve, reject) => {
        const then = async (act: () => void): Promise<void> => {
          act();
          await clock.advanceAsync(0);
        };
        writes.push({
          key,
          endpointId,
          replaces,
          answer: (id) => then(() => resolve(id)),
          refuse: () => then(() => reject(new Error('down'))),
        });
      }),
    bound: (key, _written, id) => bound.push([key, id]),
    failed: ({ message }) => failures.push(message),
  });
  const sent = () => writes.map(({ key, endpointId, replaces }) => [key, endpointId, replaces]);
  return { clock, writer, writes, sent, bound, failures };
}

describe('bindings on their way to a shared store', () => {
  it('are told once they are there, by the endpoint that the store has', async () => {
    const { writer, writes, bound, sent } = world();
    writer.write('a', binding('e1', 'e0'));
    writer.write('b', binding('e1'));
    expect([sent(), bound]).toEqual([
      [
        ['a', 'e1', 'e0'],
        ['b', 'e1', undefined],
      ],
      [],
    ]);
    expect([writer.busy('a'), writer.busy('b'), writer.busy('c')]).toEqual([true, true, false]);
    await writes[0]!.answer('e1');
    // Another process was first.
    await writes[1]!.answer('e7');
    expect(bound).toEqual([
      ['a', 'e1'],
      ['b', 'e7'],
    ]);
    expect(writer.busy('a')).toBe(false);
    expect(writes).toHaveLength(2);
  });

  it('are sixteen at once, and the others follow as those are answered', async () => {
    const { writer, writes } = world();
    for (let i = 0; i < 20; i++) writer.write(`s${i}`, binding('e1'));
    expect(writes).toHaveLength(16);
    expect(writer.busy('s19')).toBe(true);
    await writes[3]!.answer('e1');
    expect(writes.map(({ key }) => key)).toContain('s16');
    expect(writes).toHaveLength(17);
  });

  it('go one after the other for one session, and others are not held up', async () => {
    const { writer, writes, sent, bound } = world();
    const session = binding('e1');
    writer.write('a', session);
    session.endpointId = 'e2';
    writer.write('a', session);
    writer.write('b', binding('e1'));
    expect(sent()).toEqual([
      ['a', 'e1', undefined],
      ['b', 'e1', undefined],
    ]);
    await writes[0]!.answer('e1');
    // Where the session is by now replaces what the store was given.
    expect(sent()[2]).toEqual(['a', 'e2', 'e1']);
    expect(bound).toEqual([]);
    await writes[2]!.answer('e2');
    expect(bound).toEqual([['a', 'e2']]);
  });

  it('that wait are no more than they may be: the one that waits longest is dropped', async () => {
    const { writer, writes } = world(2);
    for (let i = 0; i < 19; i++) writer.write(`s${i}`, binding('e1'));
    expect([16, 17, 18].map((i) => writer.busy(`s${i}`))).toEqual([false, true, true]);
    // One that waits already takes no more room.
    writer.write('s18', binding('e2'));
    expect(writer.busy('s17')).toBe(true);
    for (const write of writes.slice(0, 16)) await write.answer('e1');
    expect(writes.slice(16).map(({ key, endpointId }) => [key, endpointId])).toEqual([
      ['s17', 'e1'],
      ['s18', 'e2'],
    ]);
  });

  it('are forgotten while they wait, and not once they are written', async () => {
    const { writer, writes, bound } = world();
    for (let i = 0; i < 17; i++) writer.write(`s${i}`, binding('e1'));
    writer.forget('s16');
    writer.forget('s0');
    expect([writer.busy('s16'), writer.busy('s0')]).toEqual([false, true]);
    for (const write of [...writes]) await write.answer('e1');
    expect([writes.length, bound.length]).toEqual([16, 16]);
  });
});

describe('a store that fails', () => {
  it('is left alone for a second, then asked again for what waited', async () => {
    const { clock, writer, writes, sent, failures, bound } = world();
    writer.write('a', binding('e1'));
    await writes[0]!.refuse();
    expect([failures, writer.paused]).toEqual([['down'], true]);
    writer.write('b', binding('e2'));
    await clock.advanceAsync(999);
    expect([writes.length, writer.paused]).toEqual([1, true]);
    await clock.advanceAsync(1);
    expect([writer.paused, clock.pending]).toEqual([false, 0]);
    expect(sent().slice(1)).toEqual([
      ['a', 'e1', undefined],
      ['b', 'e2', undefined],
    ]);
    await writes[1]!.answer('e1');
    expect(bound).toEqual([['a', 'e1']]);
  });

  it('is asked three times for a session, and again when that is next seen', async () => {
    const { clock, writer, writes } = world();
    const session = binding('e1');
    writer.write('a', session);
    for (let attempt = 0; attempt < 5; attempt++) {
      await writes[attempt]?.refuse();
      await clock.advanceAsync(1_000);
    }
    expect([writes.length, writer.busy('a')]).toEqual([3, false]);
    session.attempts = 0;
    writer.write('a', session);
    expect(writes).toHaveLength(4);
  });

  it('is not told a newer binding less for one that failed, where there is no room for both', async () => {
    const { clock, writer, writes } = world(1);
    writer.write('a', binding('e1'));
    for (let i = 0; i < 15; i++) writer.write(`s${i}`, binding('e1'));
    writer.write('new', binding('e1'));
    await writes[0]!.refuse();
    expect([writer.busy('new'), writer.busy('a')]).toEqual([true, false]);
    await clock.advanceAsync(1_000);
    expect(writes.at(-1)!.key).toBe('new');
  });

  it('has what it was sent all the same, which is replaced as the own', async () => {
    const { clock, writer, writes, sent, bound } = world();
    const session = binding('e1', 'e0');
    writer.write('a', session);
    await writes[0]!.refuse();
    session.endpointId = 'e2';
    expect(session.sent).toEqual(['e1']);
    await clock.advanceAsync(1_000);
    expect(sent()[1]).toEqual(['a', 'e2', 'e0']);
    await writes[1]!.answer('e1');
    expect(bound).toEqual([]);
    expect(sent()[2]).toEqual(['a', 'e2', 'e1']);
    await writes[2]!.answer('e2');
    expect(bound).toEqual([['a', 'e2']]);
  });

  it('is believed to have one of the last four that it was sent, each counted once', async () => {
    const { clock, writer, writes } = world();
    const session = binding('e0');
    for (const [attempt, id] of ['e0', 'e0', 'e1', 'e2', 'e3', 'e4'].entries()) {
      session.endpointId = id;
      session.attempts = 0;
      writer.write('a', session);
      if (writes.length === attempt) await clock.advanceAsync(1_000);
      await writes[attempt]!.refuse();
    }
    expect(session.sent).toEqual(['e1', 'e2', 'e3', 'e4']);
  });
});

describe('a writer that ends', () => {
  it('writes at once what waits and what it is given, in spite of a pause, and says when that is done', async () => {
    const { clock, writer, writes } = world();
    writer.write('a', binding('e1'));
    await writes[0]!.refuse();
    let isDone = false;
    const flushed = writer.flush([['b', binding('e2')]]).then(() => {
      isDone = true;
    });
    expect([writer.paused, clock.pending]).toEqual([false, 0]);
    expect(writes.slice(1).map(({ key }) => key)).toEqual(['a', 'b']);
    await writes[1]!.answer('e1');
    expect(isDone).toBe(false);
    await writes[2]!.answer('e2');
    await flushed;
    expect(isDone).toBe(true);
  });

  it('sends nothing again that is on its way already, and waits for its answer', async () => {
    const { writer, writes, bound, sent } = world();
    const onItsWay = binding('e1');
    const moved = binding('e1');
    writer.write('a', onItsWay);
    writer.write('b', moved);
    moved.endpointId = 'e2';
    const flushed = writer.flush([
      ['a', onItsWay],
      ['b', moved],
      ['c', binding('e1')],
    ]);
    for (let i = 0; i < 4; i++) await writes[i]!.answer(writes[i]!.endpointId);
    await flushed;
    expect(sent()).toEqual([
      ['a', 'e1', undefined],
      ['b', 'e1', undefined],
      ['c', 'e1', undefined],
      ['b', 'e2', 'e1'],
    ]);
    expect(bound).toEqual([
      ['a', 'e1'],
      ['c', 'e1'],
      ['b', 'e2'],
    ]);
  });

  it('writes what another binding of the same session keeps waiting', async () => {
    const { writer, writes, sent } = world();
    writer.write('a', binding('e1'));
    const flushed = writer.flush([['a', binding('e2')]]);
    await writes[0]!.answer('e1');
    await writes[1]!.answer('e2');
    await flushed;
    expect(sent().map(([, id]) => id)).toEqual(['e1', 'e2']);
  });

  it('drops none for want of room', async () => {
    const { writer, writes } = world(1);
    const many = Array.from({ length: 30 }, (_, i) => [`s${i}`, binding('e1')] as const);
    void writer.flush(many);
    writer.write('late', binding('e1'));
    for (let i = 0; i < 31; i++) await writes[i]!.answer('e1');
    expect(writes.at(-1)!.key).toBe('late');
  });

  it('is done at once where nothing waits', async () => {
    await world().writer.flush([]);
  });

  it('does not wait for a store that is down', async () => {
    const { writer, writes, failures } = world();
    const flushed = writer.flush(Array.from({ length: 20 }, (_, i) => [`s${i}`, binding('e1')] as const));
    for (const write of [...writes]) await write.refuse();
    await flushed;
    expect([writes.length, failures.length]).toEqual([16, 16]);
  });

  it('writes, hears and tells nothing once it is closed', async () => {
    const { clock, writer, writes, bound, failures } = world();
    for (let i = 0; i < 18; i++) writer.write(`s${i}`, binding('e1'));
    await writes[0]!.refuse();
    writer.close();
    expect([writer.busy('s17'), clock.pending]).toEqual([false, 0]);
    await writes[1]!.answer('e1');
    await writes[2]!.refuse();
    await clock.advanceAsync(5_000);
    expect([writes.length, bound, failures, clock.pending]).toEqual([16, [], ['down'], 0]);
  });
});
