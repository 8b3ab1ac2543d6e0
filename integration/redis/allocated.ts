import { Session } from 'node:inspector/promises';
import { KeyRing } from 'fairlead/hashing';
import { Redis } from 'ioredis';

/** Bytes between two samples: a run of some hundred kilobytes has hundreds of them. */
const SAMPLE_BYTES = 512;

interface HeapNode {
  readonly callFrame: { readonly url: string };
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** Bytes that frames of these files allocate meanwhile, those of their callees not included. */
export async function allocated(files: RegExp, run: () => Promise<unknown>): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: SAMPLE_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    await run();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    const bytesOf = (node: HeapNode): number =>
      (files.test(node.callFrame.url) ? node.selfSize : 0) +
      node.children.reduce((sum, child) => sum + bytesOf(child), 0);
    return bytesOf(profile.head);
  } finally {
    session.disconnect();
  }
}

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
