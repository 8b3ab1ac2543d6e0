import type { Command } from '../driver/driver.js';
import type { Routes } from '../shards/on-failure.js';
import type { Shard, Target } from '../shards/shard.js';
import type { KeyCarrier } from './key-carrier.js';

/** A shard whose keys may still be at their owner before: commands wait until theirs are here. */
export class HandoverTarget implements Target {
  readonly shard: Shard;
  readonly blocking = {
    send: (command: Command): void =>
      this.#carrier.bring(this, [command], (to) => (to ?? this.#routes.own).blocking.send(command)),
  };
  readonly #routes: Routes;
  readonly #carrier: KeyCarrier;

  constructor(shard: Shard, routes: Routes, carrier: KeyCarrier) {
    this.shard = shard;
    this.#routes = routes;
    this.#carrier = carrier;
  }

  get name(): string {
    return this.shard.name;
  }

  refusal(): Error | undefined {
    return this.#routes.own.refusal();
  }

  send(command: Command): void {
    if (!this.#carrier.active) this.#routes.own.send(command);
    else this.#carrier.bring(this, [command], (to) => (to ?? this.#routes.own).send(command));
  }

  sendTogether(commands: readonly Command[]): void {
    this.#carrier.bring(this, commands, (to) => (to ?? this.#routes.own).sendTogether(commands));
  }
}

/** The routes of a shard by `onFailure`, with keys brought to it before they are used. */
export class HandoverRoutes implements Routes {
  readonly own: Target;
  readonly #routes: Routes;

  constructor(shard: Shard, routes: Routes, carrier: KeyCarrier) {
    this.own = new HandoverTarget(shard, routes, carrier);
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
