import type { Command } from '../driver/driver.js';
import type { Routes } from '../shards/on-failure.js';
import type { Shard, Target } from '../shards/shard.js';

/** What brings the keys of commands to where they belong now. */
interface KeyCarrier {
  readonly active: boolean;
  bring(target: Target, commands: readonly Command[], send: (to: Shard | undefined) => void): void;
}

/** A shard whose keys may still be at their owner before: commands wait until theirs are here. */
export class HandoverTarget implements Target {
  readonly shard: Shard;
  readonly blocking = {
    send: (command: Command): void =>
      this.#handover.bring(this, [command], (to) => (to ?? this.#routes.own).blocking.send(command)),
  };
  readonly #routes: Routes;
  readonly #handover: KeyCarrier;

  constructor(shard: Shard, routes: Routes, handover: KeyCarrier) {
    this.shard = shard;
    this.#routes = routes;
    this.#handover = handover;
  }

  get name(): string {
    return this.shard.name;
  }

  refusal(): Error | undefined {
    return this.#routes.own.refusal();
  }

  send(command: Command): void {
    if (!this.#handover.active) this.#routes.own.send(command);
    else this.#handover.bring(this, [command], (to) => (to ?? this.#routes.own).send(command));
  }

  sendTogether(commands: readonly Command[]): void {
    this.#handover.bring(this, commands, (to) => (to ?? this.#routes.own).sendTogether(commands));
  }
}

/** The routes of a shard by `onFailure`, with keys brought to it before they are used. */
export class HandoverRoutes implements Routes {
  readonly own: Target;
  readonly #routes: Routes;

  constructor(shard: Shard, routes: Routes, handover: KeyCarrier) {
    this.own = new HandoverTarget(shard, routes, handover);
    this.#routes = routes;
  }

  get serving(): boolean {
    return this.#routes.serving;
  }

  get standIn(): Target {
    return this.#routes.standIn;
  }

  get listing(): Target {
    return this.#routes.listing;
  }
}
