import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyLetGo } from '../../../adapters/http/body-let-go.js';
import { RepeatLedger } from '../../../adapters/http/repeat-ledger.js';
import { ReplayBody } from '../../../adapters/http/replay-body.js';

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
const all = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const read: Uint8Array[] = [];
  for await (const chunk of body) read.push(chunk);
  return Buffer.concat(read).toString('hex');
};

describe('a replayed body', () => {
  it('is the same for every attempt, wherever those before it were left, up to the limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 12 }),
        fc.array(fc.nat(14), { maxLength: 4 }),
        async (chunks, leftAfter) => {
          const body = new ReplayBody(from(chunks), 1_000, new RepeatLedger());
          for (const count of leftAfter) {
            const attempt = body.attempt();
            for (let i = 0; i < count; i++) await attempt.next();
            await attempt.return();
            expect(body.replayable).toBe(true);
          }
          expect(await all(body.attempt())).toBe(Buffer.concat(chunks).toString('hex'));
        },
      ),
    );
  });

  it('gives what an attempt waited for when it was left to the next one', async () => {
    let give: (chunk: Uint8Array) => void = () => {};
    const source = {
      async *[Symbol.asyncIterator]() {
        yield await new Promise<Uint8Array>((resolve) => {
          give = resolve;
        });
      },
    };
    const body = new ReplayBody(source, 100, new RepeatLedger());
    const left = body.attempt();
    const waiting = left.next();
    const again = all(body.attempt());
    await Promise.resolve();
    give(Buffer.from('late'));
    await waiting;
    expect(Buffer.from(await again, 'hex').toString()).toBe('late');
  });

  it('lets go of what it kept when it grows beyond the limit, and goes through whole once', async () => {
    const chunks = Array.from({ length: 50 }, (_, i) => Buffer.alloc(10, i));
    const body = new ReplayBody(from(chunks), 95, new RepeatLedger());
    expect(body.replayable).toBe(true);
    expect(await all(body.attempt())).toBe(Buffer.concat(chunks).toString('hex'));
    expect(body.replayable).toBe(false);
    // Nothing is left for another one, which must not look like an empty body.
    await expect(all(body.attempt())).rejects.toBeInstanceOf(BodyLetGo);
  });

  it('is whole or an error for each of several attempts, however they take turns', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 12 }),
        fc.nat(150),
        fc.array(fc.nat(2), { maxLength: 60 }),
        fc.option(fc.nat(60)),
        async (chunks, limit, turns, closesAfter) => {
          const body = new ReplayBody(from(chunks), limit, new RepeatLedger());
          const attempts = Array.from({ length: 3 }, () => ({
            from: body.attempt(),
            read: [] as Uint8Array[],
            end: '',
          }));
          const step = async (attempt: (typeof attempts)[number]): Promise<void> => {
            if (attempt.end !== '') return;
            try {
              const { done, value } = await attempt.from.next();
              if (done) attempt.end = 'whole';
              else attempt.read.push(value);
            } catch (error) {
              attempt.end = error instanceof BodyLetGo ? 'let go' : 'failed';
            }
          };
          for (const [i, turn] of turns.entries()) {
            if (i === closesAfter) body.close();
            await step(attempts[turn]!);
          }
          for (const attempt of attempts) while (attempt.end === '') await step(attempt);
          const whole = Buffer.concat(chunks).toString('hex');
          for (const { read, end } of attempts) {
            const hex = Buffer.concat(read).toString('hex');
            if (end === 'whole') expect(hex).toBe(whole);
            else expect([end, whole.startsWith(hex)]).toEqual(['let go', true]);
          }
          if (closesAfter === null) expect(attempts.some(({ end }) => end === 'whole')).toBe(true);
        },
      ),
    );
  });

  it('closes its source when the exchange is over', () => {
    let closed = 0;
    const source = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 'x' }),
        return: () => ({ done: true, value: ++closed }),
      }),
    };
    const body = new ReplayBody(source as never, 10, new RepeatLedger());
    body.close();
    body.close();
    expect(closed).toBe(1);
  });

  it('is not kept where all bodies together are too large, and frees its part when it is over', async () => {
    const ledger = new RepeatLedger({ maxReplayBytes: 25 });
    const chunks = [Buffer.alloc(10, 1), Buffer.alloc(10, 2)];
    const [first, second] = [new ReplayBody(from(chunks), 100, ledger), new ReplayBody(from(chunks), 100, ledger)];
    await all(first.attempt());
    expect([first.replayable, ledger.replayBytes]).toEqual([true, 20]);
    expect(await all(second.attempt())).toBe(Buffer.concat(chunks).toString('hex'));
    expect([second.replayable, second.overflow, ledger.replayBytes]).toEqual([false, 'memory', 20]);
    second.close();
    first.close();
    first.close();
    expect(ledger.replayBytes).toBe(0);
    const third = new ReplayBody(from(chunks), 15, ledger);
    await all(third.attempt());
    expect([third.overflow, ledger.replayBytes]).toEqual(['body', 0]);
  });

  it('fails an attempt that waits for more when the exchange is over', async () => {
    let give: (chunk: Uint8Array) => void = () => {};
    const source = {
      async *[Symbol.asyncIterator]() {
        yield await new Promise<Uint8Array>((resolve) => {
          give = resolve;
        });
      },
    };
    const ledger = new RepeatLedger();
    const body = new ReplayBody(source, 100, ledger);
    const waiting = body.attempt().next();
    body.close();
    await Promise.resolve();
    give(Buffer.from('late'));
    await expect(waiting).rejects.toBeInstanceOf(BodyLetGo);
    expect(ledger.replayBytes).toBe(0);
  });
});
