import { brandErrors } from '../../../src/adapter.js';
import { FairleadError } from '../../../src/index.js';

/** A key as ioredis hands it on: prefix applied. */
export type RedisKey = string | Buffer;

/** How many keys an error shows in its message; all are in its field. */
const SHOWN_KEYS = 3;
/** A key may be a megabyte long. */
const SHOWN_LENGTH = 60;

export function showKey(key: RedisKey): string {
  const text = typeof key === 'string' ? key : key.toString('latin1');
  return JSON.stringify(text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text);
}

function showKeys(keys: readonly RedisKey[]): string {
  const shown = keys.slice(0, SHOWN_KEYS).map(showKey).join(', ');
  return keys.length > SHOWN_KEYS ? `${shown} and ${keys.length - SHOWN_KEYS} more` : shown;
}

/**
 * One command (or one MULTI) names keys of several shards and cannot be split. Nothing was sent.
 */
export class CrossShardError extends FairleadError {
  readonly command: string;
  readonly keys: readonly RedisKey[];
  /** The shard of each key, in the order of `keys`. */
  readonly shards: readonly string[];

  constructor(service: string, command: string, keys: readonly RedisKey[], shards: readonly string[]) {
    super(
      'FAIRLEAD_CROSS_SHARD',
      `${command.toUpperCase()} names keys of several shards (${showKeys(keys)} on ${[...new Set(shards)].join(', ')}). ` +
        'Nothing was sent. Give keys that belong together a common {tag}.',
      { service },
    );
    this.command = command;
    this.keys = keys;
    this.shards = shards;
  }

  static {
    brandErrors(CrossShardError, 'fairlead.error.cross-shard');
  }
}

/** The fate of one key of a command that was split. */
export interface KeyResult {
  readonly key: RedisKey;
  readonly shard: string;
  /**
   * What the shard answered: the value for MGET; for the others the reply to all keys of that shard
   * together. Undefined where it failed.
   */
  readonly value: unknown;
  readonly error: Error | undefined;
}

/** A command that was split did its work on some shards and failed on others. */
export class PartialResultError extends FairleadError {
  readonly command: string;
  /** Apart from what is printed of an error: they hold what the servers answered. */
  readonly #results: readonly KeyResult[];

  constructor(service: string, command: string, results: readonly KeyResult[], parts: 'keys' | 'shards' = 'keys') {
    const failed = results.filter(({ error }) => error !== undefined);
    const shards = [...new Set(failed.map(({ shard }) => shard))];
    super(
      'FAIRLEAD_PARTIAL_RESULT',
      `${command.toUpperCase()} failed for ${failed.length} of ${results.length} ${parts}, on ${shards.join(', ')}: ` +
        `${failed[0]?.error?.message.replace(/\.$/, '')}. See results for each ${parts.slice(0, -1)}.`,
      { service, cause: failed[0]?.error },
    );
    this.command = command;
    this.#results = results;
  }

  /** In the order of the command's keys; by shards where it names none. */
  get results(): readonly KeyResult[] {
    return this.#results;
  }

  static {
    brandErrors(PartialResultError, 'fairlead.error.partial-result');
  }
}

/** A server may say more. */
const SHOWN_CAUSE = 200;

/** A wrong password must not read as a server that is away. */
function because(cause: Error | undefined): string {
  const text = cause?.message.replace(/\.(?: Nothing was sent\.)?$/, '').slice(0, SHOWN_CAUSE);
  return text ? ` (${text})` : '';
}

/** The shard that owns the key cannot be used now. Nothing was sent. */
export function shardUnavailable(service: string, shard: string, why: string, cause?: Error): FairleadError {
  const message = `Shard '${shard}' ${why}${because(cause)}. Nothing was sent.`;
  return new FairleadError('FAIRLEAD_SHARD_UNAVAILABLE', message, {
    service,
    endpoint: shard,
    cause,
  });
}

/** A server refused a part of the move of a key, so the command was not sent. */
export function moveRefused(service: string, shard: string, cause: Error): FairleadError {
  return new FairleadError(
    'FAIRLEAD_HANDOVER',
    `Shard '${shard}' refuses to hand a key over: ${cause.message.replace(/\.$/, '')}. Nothing was sent.`,
    { service, endpoint: shard, cause },
  );
}

/** A command that may name any key with a tag, of which one has to stay. Nothing was sent. */
export function tagSplit(service: string, key: RedisKey, shard: string): FairleadError {
  const message =
    `A script may name any key with the tag of ${showKey(key)}, which is larger than handover.maxValueBytes and stays ` +
    `at shard '${shard}' while keys are handed over. Nothing was sent.`;
  return new FairleadError('FAIRLEAD_HANDOVER', message, { service, endpoint: shard });
}

/** It waited for the keys with its tag. Nothing was sent. */
export function tagLate(service: string, command: string, waitedMs: number): FairleadError {
  const message =
    `${command.toUpperCase()} waited ${waitedMs} ms for all keys with the tag of its own to be handed over ` +
    '(handover.settleMs and handover.windowMs). Nothing was sent.';
  return new FairleadError('FAIRLEAD_HANDOVER', message, { service });
}

/** The shard's primary is down, and the command is not known to read only. Nothing was sent. */
export function shardReadOnly(service: string, shard: string): FairleadError {
  return new FairleadError(
    'FAIRLEAD_READ_ONLY',
    `The primary of shard '${shard}' is down: its replicas answer what only reads. Nothing was sent.`,
    { service, endpoint: shard },
  );
}

/** The connection broke with the command under way: it may have been executed. */
export function connectionLost(service: string, shard: string, cause: Error): FairleadError {
  return new FairleadError(
    'FAIRLEAD_UNCERTAIN',
    `The connection to shard '${shard}' broke before it answered: the command may have been executed.`,
    { service, endpoint: shard, cause },
  );
}

/** The same of one that was closed on purpose: in ioredis' words, which its users look for. */
export function closedUnanswered(service: string, shard: string, cause: Error): FairleadError {
  return new FairleadError('FAIRLEAD_UNCERTAIN', cause.message, { service, endpoint: shard, cause });
}

/** The command has no shard to go to. Nothing was sent. */
export function unroutable(service: string, command: string, why: string): FairleadError {
  return new FairleadError(
    'FAIRLEAD_UNROUTABLE',
    `${command.toUpperCase()} cannot be sent to a set of shards: ${why}.`,
    {
      service,
    },
  );
}

/**
 * A command came before discovery reported a server, and waited for long enough. Nothing was sent.
 */
export function undiscovered(service: string, timeoutMs: number | undefined): FairleadError {
  const message = `Discovery reported no server of '${service}' within commandTimeout ${timeoutMs}. Nothing was sent.`;
  return new FairleadError('FAIRLEAD_DEADLINE_EXCEEDED', message, { service });
}

/** Discovery knows of no such service: a misspelt name, most likely. Nothing was sent. */
export function unlisted(service: string, cause?: Error): FairleadError {
  const because = cause === undefined ? '' : ` (${cause.message.replace(/\.$/, '')})`;
  const message = `Discovery does not list the service '${service}'${because}. Check the name. Nothing was sent.`;
  return new FairleadError('FAIRLEAD_NO_ENDPOINT', message, { service, cause });
}

/** There is no server to connect to, or to place a key on. `cause`: the error of discovery. */
export function noShards(service: string, cause?: Error): FairleadError {
  const message = `Discovery has reported no server of '${service}' yet.`;
  return new FairleadError('FAIRLEAD_NO_ENDPOINT', message, { service, cause });
}

/** The server answered by something that is not the command's reply: it may have been executed. */
export function oddReply(command: string): FairleadError {
  const message = `${command.toUpperCase()} was answered by something that is not its reply: it may have been executed.`;
  return new FairleadError('FAIRLEAD_UNCERTAIN', message);
}
