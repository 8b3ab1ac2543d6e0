import type { Command } from '../driver/driver.js';
import type { Shard, Target } from '../shards/shard.js';

/** What brings the keys of commands to where they belong now. */
interface KeyCarrier {
  readonly active: boolean;
  bring(target: Target, commands: readonly Command[], send: (to: Shard | undefined) => void): void;
}

/** A shard whose keys may still be at their owner before: commands wait until theirs are here. */
export class HandoverTarget implements Target {
  readonly blocking = {
    send: (command: Command): void =>
      this.#handover.bring(this, [command], (to) => (to === undefined ? this.#inner : to).blocking.send(command)),
  };
  readonly #inner: Target;
  readonly #handover: KeyCarrier;

  constructor(inner: Target, handover: KeyCarrier) {
    this.#inner = inner;
    this.#handover = handover;
  }

  get name(): string {
    return this.#inner.name;
  }

  get shard(): Shard {
    return this.#inner.shard;
  }

  refusal(): Error | undefined {
    return this.#inner.refusal();
  }

  send(command: Command): void {
    if (!this.#handover.active) this.#inner.send(command);
    else this.#handover.bring(this, [command], (to) => (to === undefined ? this.#inner : to).send(command));
  }

  sendTogether(commands: readonly Command[]): void {
    this.#handover.bring(this, commands, (to) => (to === undefined ? this.#inner : to).sendTogether(commands));
  }
}
