import { Outcome } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { type Command, ownCommand, type Redis } from '../../../../adapters/redis/driver/driver.js';
import { Looks } from '../../../../adapters/redis/shards/looks.js';
import { Prober } from '../../../../adapters/redis/shards/prober.js';

const INTERVAL_MS = 200;
const DOWN_AFTER_MS = 600;
const ANSWER_BYTES = 40;

/** A server that answers a millisecond later, unless it hangs. */
class Server {
  readonly clock: ManualClock;
  status = 'ready';
  hangs = false;
  asked = 0;
  readonly stream = { bytesRead: 0 };
  readonly commandQueue: Command[] = [];
  calm = true;
  #sentMs = 0;
  silentMs: number | undefined;
  answers = 0;
  readonly prober: Prober;

  constructor(clock: ManualClock, looks: Looks) {
    this.clock = clock;
    const server = this;
    this.prober = new Prober({
      clock,
      looks,
      connection: this as unknown as Redis,
      intervalMs: INTERVAL_MS,
      downAfterMs: DOWN_AFTER_MS,
      occupied: false,
      get calm() {
        return server.calm;
      },
      question: () => {
        this.asked++;
        return ownCommand('ping');
      },
      answered: (outcome) => {
        this.answers++;
        expect(outcome).toBe(Outcome.Success);
      },
      silent: () => {
        this.silentMs ??= clock.now();
      },
      interrupted: () => {},
    });
    this.prober.begin();
  }

  get unansweredSinceMs(): number | undefined {
    return this.commandQueue.length === 0 ? undefined : this.#sentMs;
  }

  sendCommand(command: Command): void {
    if (this.commandQueue.length === 0) this.#sentMs = this.clock.now();
    this.commandQueue.push(command);
    this.clock.after(1, () => this.#answer());
  }

  #answer(): void {
    if (this.hangs) return;
    this.stream.bytesRead += ANSWER_BYTES;
    this.commandQueue.shift()?.resolve(Buffer.from('PONG') as never);
  }
}

class CountingClock extends ManualClock {
  fired = 0;
  /** The process did nothing for so long, and its timers come late. */
  busyMs = 0;
  override now(): number {
    return super.now() + this.busyMs;
  }
  override after(delayMs: number, fire: () => void) {
    return super.after(delayMs, () => {
      // What a server does is not the client's.
      if (delayMs > 1) this.fired++;
      fire();
    });
  }
}

function servers(count: number): { clock: CountingClock; all: Server[] } {
  const clock = new CountingClock();
  const looks = new Looks(clock, INTERVAL_MS);
  return { clock, all: Array.from({ length: count }, () => new Server(clock, looks)) };
}

const SECONDS = 60;
/** Until there was one timer for all: one in each interval for each shard, and two questions. */
const FORMERLY_PER_SHARD = { timers: 5, commands: 10 };

describe('the looks of an idle client', () => {
  it.each([3, 20, 100])('over %d shards take a quarter of the timers and commands of before', async (count) => {
    const { clock, all } = servers(count);
    await clock.advanceAsync(SECONDS * 1_000);
    const asked = all.reduce((sum, server) => sum + server.asked, 0);
    expect(clock.fired).toBeLessThanOrEqual((FORMERLY_PER_SHARD.timers * count * SECONDS) / 4);
    expect(asked).toBeLessThanOrEqual((FORMERLY_PER_SHARD.commands * count * SECONDS) / 4);
    // Whatever their number.
    expect(clock.fired).toBe(SECONDS * 2.5);
    for (const server of all) expect(server.answers).toBe(server.asked);
  });

  it('end with the last of its shards', () => {
    const { clock, all } = servers(3);
    for (const { prober } of all) prober.close();
    expect(clock.pending).toBe(0);
  });
});

describe('a shard', () => {
  it('that is not known to be well is asked in every interval', async () => {
    const { clock, all } = servers(2);
    all[0]!.calm = false;
    await clock.advanceAsync(10_000);
    expect(all[0]!.asked).toBe(50);
  });

  it.each([0, 1, 150, 199, 200, 250, 399])(
    'that hangs %d ms after a look is silent 800 ms after a command was sent to it, at the latest',
    async (afterMs) => {
      const { clock, all } = servers(3);
      const [server] = all as [Server];
      await clock.advanceAsync(1_000 + afterMs);
      server.hangs = true;
      server.sendCommand(ownCommand('get', ['key']));
      const sentMs = clock.now();
      await clock.advanceAsync(2_000);
      expect(server.silentMs! - sentMs).toBeGreaterThanOrEqual(DOWN_AFTER_MS - 1);
      expect(server.silentMs! - sentMs).toBeLessThanOrEqual(DOWN_AFTER_MS + INTERVAL_MS);
      expect(all[1]!.silentMs).toBeUndefined();
    },
  );

  it('that answers slowly, but answers, is not silent', async () => {
    const { clock, all } = servers(1);
    const [server] = all as [Server];
    for (let i = 0; i < 100; i++) {
      server.commandQueue.push(ownCommand('get', ['key']));
      await clock.advanceAsync(150);
      server.stream.bytesRead += ANSWER_BYTES;
      server.commandQueue.pop()?.resolve(Buffer.from('v') as never);
    }
    expect(server.silentMs).toBeUndefined();
  });

  it('is not blamed for the time in which this process was busy', async () => {
    const { clock, all } = servers(1);
    const [server] = all as [Server];
    await clock.advanceAsync(1_000);
    server.hangs = true;
    server.sendCommand(ownCommand('get', ['key']));
    clock.busyMs = 900;
    await clock.advanceAsync(500);
    expect(server.silentMs).toBeUndefined();
    // It does hang, though.
    await clock.advanceAsync(700);
    expect(server.silentMs).toBeDefined();
  });
});
