import type { ShardedRedis } from 'fairlead/redis';
import type { Random } from 'fairlead/testing';
import type { ClientContext } from '../../part.js';
import { judge } from './judge.js';

const CHANNELS = 4;
const HEARD_WITHIN_MS = 8_000;

/**
 * Channels of this client alone, so that it knows what was published. While faults go on a message
 * may be missed; in quiet each is heard, once.
 */
export class Messages {
  readonly #redis: ShardedRedis;
  readonly #context: ClientContext;
  readonly #heard = new Map<string, number>();
  /** Channels on which something was heard that was published after the last fault. */
  readonly #heardInQuiet = new Set<string>();
  #sent = 0;

  constructor(redis: ShardedRedis, context: ClientContext) {
    this.#redis = redis;
    this.#context = context;
    redis.on('message', (channel: string, message: string) => this.#hear(channel, message));
    // As with ioredis, sharded channels are prefixed as keys are, and heard as they are at the server.
    const prefix = redis.options.keyPrefix ?? '';
    redis.on('smessage', (channel: string, message: string) => {
      this.#hear(`s ${channel.slice(prefix.length)}`, message);
    });
    redis.on('pmessage', (_pattern: string, channel: string, message: string) => this.#hear(`p ${channel}`, message));
  }

  /** Tries until it is taken: a shard may be down as the client starts. */
  async subscribe(): Promise<void> {
    const channels = Array.from({ length: CHANNELS }, (_, i) => this.#channel(i));
    const asks = [
      ...channels.map((channel) => () => this.#redis.subscribe(channel)),
      () => this.#redis.psubscribe(`${this.#context.name}/p*`),
      () => this.#redis.ssubscribe(`${this.#context.name}/s0`, `${this.#context.name}/s1`),
    ];
    for (const ask of asks) {
      for (let tries = 0; ; tries++) {
        const error = await ask().then(
          () => undefined,
          (failed: unknown) => failed,
        );
        if (error === undefined) break;
        if (judge(error) === undefined) this.#context.history.complain('subscribe failed', String(error));
        if (tries > 100) return this.#context.history.complain('subscribe never succeeded', String(error));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async publish(worker: number, random: Random): Promise<void> {
    const { history, name } = this.#context;
    const [kind, i] = [random.below(5), random.below(CHANNELS)];
    const channel = kind < 2 ? this.#channel(i) : `${name}/${kind < 4 ? 'p' : 's'}${kind < 4 ? i : i % 2}`;
    const message = `${name}#${this.#sent++}`;
    // `keyPrefix` is for keys, not for channels, and shardFor() takes keys.
    const prefixed = (this.#redis.options.keyPrefix ?? '') !== '';
    const about = (): object => (prefixed ? {} : { shard: this.#redis.shardFor(channel) });
    await history.run(worker, 'publish', channel, message, () => this.#send(channel, message), judge, about);
  }

  /** All servers are reachable again: within a second or so each channel is subscribed. */
  async final(): Promise<void> {
    const { history, name } = this.#context;
    const all = Array.from({ length: CHANNELS }, (_, i) => [
      [this.#channel(i), this.#channel(i)],
      [`${name}/p${i}`, `p ${name}/p${i}`],
    ]).flat() as [string, string][];
    for (const i of [0, 1]) all.push([`${name}/s${i}`, `s ${name}/s${i}`]);
    const until = performance.now() + HEARD_WITHIN_MS;
    const missing = new Map(all);
    while (missing.size > 0) {
      for (const [channel, heardAs] of missing) {
        const message = `${name}#final${this.#sent++}`;
        await this.#send(channel, message);
        await new Promise((resolve) => setTimeout(resolve, 30));
        // Perhaps an earlier one: a machine may be busy for longer than that.
        if (this.#heardInQuiet.has(heardAs)) missing.delete(channel);
      }
      if (performance.now() > until) break;
    }
    if (missing.size > 0) history.complain('a subscription is deaf', [...missing.keys()]);
    const twice = [...this.#heard].filter(([, times]) => times > 1);
    if (twice.length > 0) history.complain('a message was heard twice', twice.slice(0, 5));
  }

  async close(): Promise<void> {
    await this.#redis.unsubscribe();
    await this.#redis.punsubscribe();
    await this.#redis.sunsubscribe();
  }

  #send(channel: string, message: string): Promise<unknown> {
    return channel.includes('/s') ? this.#redis.spublish(channel, message) : this.#redis.publish(channel, message);
  }

  #channel(i: number): string {
    return `${this.#context.name}/c${i}`;
  }

  #hear(channel: string, message: string): void {
    const key = `${channel} ${message}`;
    this.#heard.set(key, (this.#heard.get(key) ?? 0) + 1);
    if (message.includes('#final')) this.#heardInQuiet.add(channel);
    if (!message.startsWith(`${this.#context.name}#`)) {
      this.#context.history.complain('a message of another channel was heard', { channel, message });
    }
  }
}
