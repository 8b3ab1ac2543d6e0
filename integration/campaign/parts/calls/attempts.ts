import type { Operation } from '../../history.js';
import type { Asked, Attempt } from './operations.js';

/** A call, with what its client saw of it. */
export interface Call {
  readonly operation: Operation;
  readonly asked: Asked & { readonly hash?: string };
  readonly attempts: readonly Attempt[];
}

const CALLS = /^(call|probe|settles|final-call|final-session)$/;

/** The calls of each client process. */
export function callsByClient(operations: readonly Operation[]): Map<string, Call[]> {
  const calls = new Map<string, Call[]>();
  for (const operation of operations) {
    if (!CALLS.test(operation.name)) continue;
    const { attempts = [] } = ((operation.output ?? operation.about) as { attempts?: Attempt[] } | undefined) ?? {};
    const call = { operation, asked: operation.input as Asked, attempts };
    const known = calls.get(operation.client);
    if (known === undefined) calls.set(operation.client, [call]);
    else known.push(call);
  }
  return calls;
}

/** How many attempts of a client are at each server, at any time. */
export class Places {
  readonly #changes = new Map<string, readonly (readonly [atMs: number, change: number])[]>();

  constructor(calls: readonly Call[]) {
    const changes = new Map<string, [number, number][]>();
    for (const { server, atMs, overMs } of calls.flatMap(({ attempts }) => attempts)) {
      const list = changes.get(server) ?? [];
      list.push([atMs, 1]);
      if (overMs !== undefined) list.push([overMs, -1]);
      changes.set(server, list);
    }
    for (const [server, list] of changes)
      this.#changes.set(
        server,
        list.sort((a, b) => a[0] - b[0]),
      );
  }

  /** The most at a server around a moment. */
  mostAt(server: string, fromMs: number, toMs: number): number {
    let now = 0;
    let most = 0;
    for (const [atMs, change] of this.#changes.get(server) ?? []) {
      if (atMs > toMs) break;
      now += change;
      if (atMs < fromMs) most = now;
      else most = Math.max(most, now, now - change);
    }
    return most;
  }
}
