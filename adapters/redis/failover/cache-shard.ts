import { timedOut } from '../driver/deadlines.js';
import type { Routes } from '../shards/on-failure.js';
import { PendingCommands } from '../shards/pending-commands.js';
import type { Shard, Target } from '../shards/shard.js';
import { type Held, release, reroute } from './held.js';
import type { FailoverHost } from './host.js';
import { NamespacedTarget, type NamespaceHost } from './namespaced-target.js';
import type { ShardNotes } from './shard-notes.js';

/** A shard as the policy `next` sees it: what is known of it, and where its commands go. */
export class CacheShard implements Routes {
  serving = true;
  own: Target;
  readonly standIn: Target;
  readonly listing: Target;
  readonly shard: Shard;
  readonly notes: ShardNotes;
  /** Others may have taken writes for it. */
  missed: boolean;
  /** It answers probes. */
  answering = false;
  /** It may be used. */
  admitted = false;
  /** An admission is under way. */
  admitting = false;
  /** Since the last change of the topology, what others own was removed. */
  swept = false;
  /** Changes with every break: an admission under way ends. */
  attempt = 0;
  /** Where its own commands go while it can be used. */
  readonly #namespaced: Target;
  readonly #held: Held;
  #sweep: AbortController | undefined;
  readonly #host: FailoverHost;

  constructor(shard: Shard, notes: ShardNotes, host: FailoverHost, emptied: () => void, missed: boolean) {
    this.shard = shard;
    this.notes = notes;
    this.missed = missed;
    this.#host = host;
    const { service, quarantine, maxOfflineCommands } = host.own;
    this.#held = new PendingCommands(maxOfflineCommands, host.commandTimeoutMs, host.clock, timedOut);
    const context: NamespaceHost = { service, keysOf: host.keysOf, placesOf: host.placesOf, emptied };
    const ownNamespace = (): string | undefined => {
      if (!this.admitted) return undefined;
      return quarantine === 'generation' ? notes.record?.own : '';
    };
    const standInNamespace = (): string | undefined => {
      if (!this.admitted) return undefined;
      return quarantine === 'none' ? '' : notes.record?.standIn;
    };
    this.#namespaced = new NamespacedTarget(shard, context, this.#held, ownNamespace);
    this.own = this.#namespaced;
    this.standIn = new NamespacedTarget(shard, context, this.#held, standInNamespace);
    this.listing = new NamespacedTarget(shard, context, this.#held, ownNamespace);
  }

  /** It broke. What was known of it is not any longer, and its commands wait. */
  break(): void {
    this.stopSweep();
    this.attempt++;
    this.admitting = false;
    this.admitted = false;
    this.answering = false;
    this.notes.forget();
    this.own = this.#namespaced;
  }

  /** Aborts when the sweep is not needed any longer. */
  startSweep(): AbortSignal {
    this.#sweep = new AbortController();
    return this.#sweep.signal;
  }

  stopSweep(): void {
    this.#sweep?.abort();
  }

  /** Others serve its keys. */
  stepAside(): void {
    this.serving = false;
    // Says why it cannot be used, where no other shard is left either.
    this.own = this.shard;
    this.rerouteHeld();
  }

  /** It is used, and what waits for it is sent. */
  use(): void {
    this.own = this.#host.own.quarantine === 'generation' ? this.#namespaced : this.shard;
    this.serving = true;
    this.shard.admit();
    release(this.#held);
  }

  /** What waits goes where the ring leads now. */
  rerouteHeld(): void {
    const { own, again } = this.#host;
    reroute(this.#held, own.service, this.listing, again);
  }

  /** It is not part of the client any longer. */
  end(): void {
    this.stopSweep();
    this.attempt++;
    this.admitted = false;
    this.notes.forget();
  }

  closeHeld(): void {
    this.#held.close(this.#host.own.service);
  }
}
