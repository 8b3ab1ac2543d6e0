import { type KeyResult, PartialResultError, type RedisKey } from '../common/errors.js';
import { type Command, partOf } from '../driver/driver.js';
import type { ShardSet } from '../shards/shard-set.js';
import { mergeReplies, type Split, type SplitMerge, splitOf, widthOf } from './split.js';
import { tracedBatch } from './traced-batch.js';

/**
 * Sends each shard its keys and settles the command with the merged reply, or with a
 * PartialResultError where some shard failed. A command whose keys lie on one shard is sent as it
 * is.
 */
export function sendSplit(command: Command, merge: SplitMerge, set: ShardSet, service: string): void {
  const width = widthOf(merge);
  const args = command.args as RedisKey[];
  if (args.length % width !== 0) {
    // The server reports best what is wrong with it.
    set.any.send(command);
    return;
  }
  const split = splitOf(args, width, set);
  if (split.parts.length === 1) split.parts[0]!.shard.send(command);
  else new SplitCommand(command, merge, split, service).send();
}

/** One command under way in several parts. */
class SplitCommand {
  readonly #command: Command;
  readonly #merge: SplitMerge;
  readonly #split: Split;
  readonly #service: string;
  readonly #replies: unknown[];
  /** By part; undefined where none has failed. */
  #errors: (Error | undefined)[] | undefined;
  #unanswered: number;
  #end: ((error?: unknown) => void) | undefined;

  constructor(command: Command, merge: SplitMerge, split: Split, service: string) {
    this.#command = command;
    this.#merge = merge;
    this.#split = split;
    this.#service = service;
    this.#unanswered = split.parts.length;
    this.#replies = new Array(split.parts.length).fill(undefined);
  }

  send(): void {
    const { parts } = this.#split;
    const { end } = tracedBatch(this.#command, parts.length, this.#service, () => {
      for (let i = 0; i < parts.length; i++) this.#sendPart(i);
    });
    // No part is answered before this.
    this.#end = end;
  }

  #sendPart(i: number): void {
    const { shard, args } = this.#split.parts[i]!;
    const part = partOf(this.#command, args);
    part.promise.then(
      (reply: unknown) => {
        this.#replies[i] = reply;
        this.#answered();
      },
      (error: Error) => {
        this.#errors ??= new Array(this.#split.parts.length).fill(undefined);
        this.#errors[i] = error;
        this.#answered();
      },
    );
    shard.send(part);
  }

  #answered(): void {
    if (--this.#unanswered > 0) return;
    try {
      if (this.#errors === undefined) {
        const whole = mergeReplies(this.#merge, this.#split, this.#replies);
        this.#end!();
        this.#command.resolve(whole as never);
      } else this.#fail(new PartialResultError(this.#service, this.#command.name, this.#results(this.#errors)));
    } catch (error) {
      // A reply that is not what the command's should be.
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.#end!(error);
    this.#command.reject(error);
  }

  #results(errors: readonly (Error | undefined)[]): KeyResult[] {
    const { parts, partOf: partNumbers } = this.#split;
    const width = widthOf(this.#merge);
    const taken: number[] = parts.map(() => 0);
    return partNumbers.map((number, i) => {
      const error = errors[number];
      const reply = this.#replies[number];
      const at = taken[number]!++;
      const one = this.#merge === 'values' && error === undefined ? (reply as readonly unknown[])[at] : reply;
      const value = one === undefined ? undefined : this.#command.transformReply(one as Buffer);
      return { key: this.#command.args[i * width] as RedisKey, shard: parts[number]!.shard.name, value, error };
    });
  }
}
