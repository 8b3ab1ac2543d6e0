import { KeyRing } from 'fairlead/hashing';
import { Redis } from 'ioredis';

interface Part {
  readonly client: Redis;
  readonly keys: string[];
  readonly places: number[];
}

/** What one would write instead of a client over several servers, on the same ring. */
export class ByHand {
  readonly #clients: readonly Redis[];
  readonly #ring = new KeyRing({});

  constructor(servers: readonly { readonly host: string; readonly port: number }[]) {
    this.#clients = servers.map(({ host, port }) => new Redis(port, host));
    this.#ring.update(servers.map((_, i) => ({ id: `s${i}`, weight: 1 })));
  }

  #split(keys: readonly string[]): Part[] {
    const parts: (Part | undefined)[] = this.#clients.map(() => undefined);
    for (let i = 0; i < keys.length; i++) {
      const at = this.#ring.lookup(keys[i]!);
      parts[at] ??= { client: this.#clients[at]!, keys: [], places: [] };
      parts[at].keys.push(keys[i]!);
      parts[at].places.push(i);
    }
    return parts.filter((part) => part !== undefined);
  }

  async mget(keys: readonly string[]): Promise<unknown[]> {
    const parts = this.#split(keys);
    const replies = await Promise.all(parts.map((part) => part.client.mget(part.keys)));
    const values: unknown[] = new Array(keys.length).fill(null);
    for (let i = 0; i < parts.length; i++) {
      const { places } = parts[i]!;
      for (let j = 0; j < places.length; j++) values[places[j]!] = replies[i]![j];
    }
    return values;
  }

  async mset(keys: readonly string[], value: string): Promise<unknown> {
    await Promise.all(
      this.#split(keys).map((part) => {
        const args: string[] = [];
        for (const key of part.keys) args.push(key, value);
        return part.client.mset(args);
      }),
    );
    return 'OK';
  }

  async pipelined(keys: readonly string[], value: string): Promise<unknown[]> {
    const parts = this.#split(keys);
    const replies = await Promise.all(
      parts.map((part) => {
        const pipeline = part.client.pipeline();
        for (const key of part.keys) pipeline.set(key, value);
        return pipeline.exec();
      }),
    );
    const results: unknown[] = new Array(keys.length).fill(null);
    for (let i = 0; i < parts.length; i++) {
      const { places } = parts[i]!;
      for (let j = 0; j < places.length; j++) results[places[j]!] = replies[i]![j];
    }
    return results;
  }

  disconnect(): void {
    for (const client of this.#clients) client.disconnect();
  }
}
