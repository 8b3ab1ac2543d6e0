import { EventEmitter } from 'node:events';
import { ManualClock } from 'fairlead/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Prober, type ProbeWatch } from '../../../../adapters/mysql/cluster/prober.js';
import type { DriverConnection } from '../../../../adapters/mysql/driver/driver.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Connects at once and answers what a primary answers. */
class FakeConnection extends EventEmitter {
  readonly stream: { destroyed: boolean; destroy(): void } = {
    destroyed: false,
    destroy: () => {
      this.stream.destroyed = true;
    },
  };
  constructor() {
    super();
    setImmediate(() => this.emit('connect'));
  }
  query(_sql: unknown, _values: unknown, callback: (error: unknown, rows: unknown) => void): void {
    callback(null, [{ readOnly: 0, position: '' }]);
  }
  destroy(): void {
    this.stream.destroy();
  }
}

let clock: ManualClock;
let opened: FakeConnection[];
let openedWith: Record<string, unknown> | undefined;
let told: string[];
/** Whether each look that was answered told that the server had been gone. */
let wasGone: boolean[];
let mayHaveMoved: boolean;
let givePassword: (() => void)[];
let shared: Prober;
let prober: ProbeWatch;
/** What is answered to a look: that it should be repeated soon. */
let soon: boolean;

beforeEach(() => {
  clock = new ManualClock();
  opened = [];
  told = [];
  wasGone = [];
  mayHaveMoved = false;
  soon = false;
  givePassword = [];
  shared = new Prober({
    clock,
    unused: () => told.push('unused'),
    open: (options) => {
      openedWith = options;
      opened.push(new FakeConnection());
      return opened.at(-1) as unknown as DriverConnection;
    },
  });
  prober = shared.watch({
    intervalMs: 1_000,
    connectOptions: () => new Promise((resolve) => givePassword.push(() => resolve({}))),
    mayHaveMoved: () => mayHaveMoved,
    probed: ({ reconnected }) => {
      told.push('probed');
      wasGone.push(reconnected);
      return soon;
    },
    failed: () => told.push('failed'),
  });
});
afterEach(() => prober.close());

const open = (): number => opened.filter(({ stream }) => !stream.destroyed).length;

describe('Prober', () => {
  it('has the driver keep no room for statements that it does not prepare', async () => {
    givePassword.shift()!();
    await turn();
    expect(openedWith).toEqual({ maxPreparedStatements: 1 });
  });

  it('looks again and again, on one connection', async () => {
    await turn();
    givePassword[0]!();
    for (let i = 0; i < 3; i++) await turn();
    clock.advance(1_000);
    for (let i = 0; i < 3; i++) await turn();
    expect([told, opened.length]).toEqual([['probed', 'probed'], 1]);
  });

  it('looks again soon while what it sees proves too little, and less and less often', async () => {
    soon = true;
    await turn();
    givePassword[0]!();
    const looks: number[] = [];
    for (let ms = 0; ms < 3_000; ms += 20) {
      const before = told.length;
      for (let i = 0; i < 3; i++) await turn();
      if (told.length > before) looks.push(ms);
      clock.advance(20);
    }
    // Pauses of 20, 40, 80, … and never more than the interval.
    expect(looks).toEqual([0, 20, 60, 140, 300, 620, 1_260, 2_260]);
    soon = false;
    clock.advance(260);
    for (let i = 0; i < 3; i++) await turn();
    const count = told.length;
    clock.advance(999);
    for (let i = 0; i < 3; i++) await turn();
    expect(told.length).toBe(count);
  });

  it('looks over a new connection where its name may have moved: the server was not gone for that', async () => {
    const answered = async (): Promise<void> => {
      await turn();
      givePassword.at(-1)!();
      for (let i = 0; i < 3; i++) await turn();
    };
    await answered();
    mayHaveMoved = true;
    for (let i = 0; i < 2; i++) {
      clock.advance(1_000);
      await answered();
    }
    expect([wasGone, opened.length, open()]).toEqual([[false, false, false], 3, 1]);
    // Now it was.
    opened.at(-1)!.destroy();
    clock.advance(1_000);
    await answered();
    expect([wasGone.at(-1), opened.length]).toEqual([true, 4]);
  });

  it('opens no connection once it is closed, even where it waited for its password', async () => {
    await turn();
    prober.close();
    givePassword[0]!();
    await turn();
    await prober.look();
    await turn();
    expect([told, opened.length, givePassword.length]).toEqual([['unused'], 0, 1]);
  });

  it('keeps one connection where passwords come later than it waits', async () => {
    await turn();
    clock.advance(1_000);
    await turn();
    expect(told).toEqual(['failed']);
    clock.advance(1);
    await turn();
    for (const give of givePassword) give();
    for (let i = 0; i < 3; i++) await turn();
    expect([told, open(), givePassword.length]).toEqual([['failed', 'probed'], 1, 2]);
    prober.close();
    expect(open()).toBe(0);
  });
});
