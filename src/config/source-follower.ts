import type { Mesh } from '../mesh.js';
import type { Timer } from '../runtime/clock.js';
import type { SourceGuards } from './source-guards.js';
import type { ConfigStoreEvents, ConfigVersion } from './version.js';

/** What follows from what a source says. */
export interface FollowerHost {
  readonly current: ConfigVersion | undefined;
  /** Puts it in force. Resolves with the version; undefined where it is refused, or held. */
  adopt(text: string, revision: string | undefined): Promise<ConfigVersion | undefined>;
  missing(): void;
  held(event: ConfigStoreEvents['held'][0]): void;
}

/** What a source said last, and what is made of it when. */
export class SourceFollower {
  readonly #host: FollowerHost;
  readonly #mesh: Mesh;
  readonly #spreadMs: number;
  readonly #guards: SourceGuards;
  /** Undefined before the first. */
  #heard: string | undefined;
  #revision: string | undefined;
  /** What came into force of what was heard last. */
  #adopted: ConfigVersion | undefined;
  /** Until that is applied, where it waits. */
  #timer: Timer | undefined;

  constructor(host: FollowerHost, mesh: Mesh, spreadMs: number, guards: SourceGuards) {
    this.#host = host;
    this.#mesh = mesh;
    this.#spreadMs = spreadMs;
    this.#guards = guards;
  }

  /** What waits to be applied. */
  get waiting(): string | undefined {
    return this.#timer && this.#heard;
  }

  stopWaiting(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The source says something. */
  hear(text: string | undefined, revision?: string): void {
    // What is being written is blank for a moment, and would take every service out.
    if (text === undefined || text.trim() === '') {
      this.#host.missing();
      return;
    }
    const first = this.#heard === undefined;
    const changed = text !== this.#heard || revision !== this.#revision;
    if (!changed && (this.#timer !== undefined || this.#isOverruled())) return;
    if (changed) this.#adopted = undefined;
    this.#heard = text;
    this.#revision = revision;
    // What is in force is read again for what its references hold; no change waits with it.
    const quietMs = !changed && this.#isInForce() ? 0 : this.#guards.delayMs(changed);
    // What is in force may be the last good one, which is older.
    const spreadMs = first || this.#host.current === undefined ? 0 : this.#mesh.random.float() * this.#spreadMs;
    if (quietMs > 0) this.#host.held({ hash: '', reason: 'storm' });
    this.stopWaiting();
    const adopt = async (): Promise<void> => {
      this.#timer = undefined;
      const version = await this.#host.adopt(text, revision);
      if (this.#heard === text && this.#revision === revision) this.#adopted = version ?? this.#adopted;
    };
    if (quietMs + spreadMs === 0) void adopt();
    else this.#timer = this.#mesh.clock.after(quietMs + spreadMs, () => void adopt());
  }

  #isInForce(): boolean {
    return this.#adopted !== undefined && this.#adopted.hash === this.#host.current?.hash;
  }

  /** It came into force, and by a hand something else did since: it is no news. */
  #isOverruled(): boolean {
    return this.#adopted !== undefined && this.#adopted.hash !== this.#host.current?.hash;
  }
}
