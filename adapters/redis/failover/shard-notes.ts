import { createHash } from 'node:crypto';
import { shardUnavailable } from '../common/errors.js';
import { type Command, ownCommand } from '../driver/driver.js';
import type { Shard } from '../shards/shard.js';
import {
  missedField,
  namespaceOf,
  OWN,
  parseRecord,
  type ShardRecord,
  STAND_IN,
  type Tokens,
  tokenOf,
} from './shard-record.js';

/** What it needs of the policy. */
export interface NotesHost {
  readonly service: string;
  /** The key of the record; undefined where none is kept. */
  readonly key: string | undefined;
  /** Before the token of a namespace. */
  readonly prefix: string;
  /** The server's own keys have a namespace too (quarantine `generation`). */
  readonly generations: boolean;
  readonly tokens: Tokens;
  /** The names of the other shards. */
  othersOf(shard: Shard): readonly string[];
  /** Names of shards beside this one that missed writes. */
  missingBeside(shard: Shard): readonly string[];
  /** The server reported its record. */
  learnt(shard: Shard): void;
  error(error: Error): void;
}

/**
 * The record that one server keeps, as far as this client knows it. Each probe reads it; what is
 * written to it is in force here at once, as the server executes commands in the order in which
 * they are sent.
 */
export class ShardNotes {
  /** As the server reported it, or as written since; undefined until the first report. */
  record: ShardRecord | undefined;
  readonly #shard: Shard;
  readonly #host: NotesHost;
  /** Counts what was written: an answer to an earlier question is not believed. */
  #writes = 0;
  /** Changes with every break: an answer from before is not believed either. */
  #life = 0;
  /** The server refused to write it down; it is written again with every probe until it does. */
  #unwritten = false;
  /** The last answer lacked a namespace. */
  #lacked = false;
  /** The namespace of its own keys before the one that is in force. */
  #former: string | undefined;
  #answering = false;
  #asking = false;

  constructor(shard: Shard, host: NotesHost) {
    this.#shard = shard;
    this.#host = host;
  }

  /** The command that asks the server what it has noted; undefined where nothing is. */
  probe(): Command | undefined {
    const { key } = this.#host;
    if (key === undefined) return undefined;
    const others = this.#host.othersOf(this.#shard);
    const command = ownCommand('hmget', [key, OWN, STAND_IN, ...others.map(missedField)]);
    const [writes, life] = [this.#writes, this.#life];
    this.#asking = true;
    command.promise.then(
      (reply) => {
        this.#asking = false;
        if (this.#life === life && this.#writes === writes) {
          const record = parseRecord(reply, others, this.#host.prefix);
          if (record !== undefined) this.#told(record);
          else this.#host.error(shardUnavailable(this.#host.service, this.#shard.name, 'answers HMGET by no list'));
        } else if (this.record === undefined && this.#answering) this.ask();
      },
      (error: Error) => {
        this.#asking = false;
        if (error.name !== 'ReplyError') return;
        if (error.message.startsWith('WRONGTYPE')) this.#discard(key);
        this.#host.error(error);
      },
    );
    return command;
  }

  /** Another program wrote over the record: the next probe finds none, and makes it anew. */
  #discard(key: string): void {
    const command = ownCommand('del', [key]);
    command.promise.catch(() => {});
    this.#shard.issue(command);
  }

  /** The server answers: it is asked until it has reported its record. */
  answering(): void {
    this.#answering = true;
    if (this.record === undefined && !this.#asking) this.ask();
  }

  /** Asks now, beside the probes. */
  ask(): void {
    const probe = this.probe();
    if (probe !== undefined) this.#shard.issue(probe);
  }

  /**
   * The connection broke, or the shard is not used any longer: what was known may be different now.
   */
  forget(): void {
    this.#life++;
    this.#answering = false;
    this.record = undefined;
    this.#unwritten = false;
    this.#lacked = false;
  }

  /** Writes tokens, and the names of shards that missed writes. */
  write(tokens: Readonly<Record<string, string>>, missed: readonly string[] = []): void {
    const { key } = this.#host;
    if (key === undefined) return;
    this.#writes++;
    const { record: before } = this;
    const life = this.#life;
    const marks = missed.flatMap((name) => [missedField(name), '1']);
    const command = ownCommand('hset', [key, ...Object.entries(tokens).flat(), ...marks]);
    command.promise.catch((error: Error) => {
      if (error.name !== 'ReplyError') return;
      // Out of memory, for example: its record is not what is in force.
      this.#writes++;
      this.#unwritten = this.#life === life;
      this.#host.error(error);
    });
    this.#shard.issue(command);
    const own = namespaceOf(tokens[OWN], this.#host.prefix) ?? before?.own;
    if (own !== before?.own) this.#former = before?.own;
    this.record = {
      own,
      standIn: namespaceOf(tokens[STAND_IN], this.#host.prefix) ?? before?.standIn,
      missed: new Set([...(before?.missed ?? []), ...missed]),
      asked: before?.asked ?? new Set(),
    };
  }

  /**
   * A new namespace for the server's own keys: what is there now is not found any more. Clients
   * that see the same change of the ring get to the same name, in whatever order, so that it begins
   * one new generation and not one for each.
   */
  renewOwn(ring: string): void {
    const own = this.record?.own;
    if (own === undefined) return;
    // Another client was first, and its note was read already.
    if (this.#former !== undefined && renewed(this.#former, ring) === tokenOf(own, this.#host.prefix)) return;
    this.write({ [OWN]: renewed(own, ring) });
  }

  /**
   * All of it once more. The namespaces stay what they are, so that what is written next is found.
   */
  rewrite(): void {
    if (this.record === undefined) return;
    const { own, standIn } = this.record;
    const tokens: Record<string, string> = {};
    if (own !== undefined) tokens[OWN] = tokenOf(own, this.#host.prefix);
    if (standIn !== undefined) tokens[STAND_IN] = tokenOf(standIn, this.#host.prefix);
    this.write(tokens, this.#host.missingBeside(this.#shard));
  }

  /** The shard of this name has missed nothing that counts any longer. */
  clear(name: string): void {
    const { key } = this.#host;
    if (this.record === undefined || key === undefined) return;
    this.#writes++;
    const missed = new Set(this.record.missed);
    missed.delete(name);
    this.record = { ...this.record, missed };
    const command = ownCommand('hdel', [key, missedField(name)]);
    command.promise.catch(() => {});
    this.#shard.issue(command);
  }

  #told(record: ShardRecord): void {
    if (this.#unwritten) {
      this.#unwritten = false;
      this.rewrite();
      return;
    }
    const lacking: string[] = [];
    if (record.standIn === undefined) lacking.push(STAND_IN);
    if (record.own === undefined && this.#host.generations) lacking.push(OWN);
    if (lacking.length > 0) {
      this.#complete(lacking);
      return;
    }
    this.#lacked = false;
    if (record.own !== this.record?.own) this.#former = this.record?.own;
    this.record = record;
    this.#host.learnt(this.#shard);
  }

  /** The first client to do so decides; what is absent was lost, and so was what it stood for. */
  #complete(lacking: readonly string[]): void {
    const lacked = this.#lacked;
    for (const field of lacking) {
      // What is there and is not a token is a mistake of another program.
      const command = ownCommand(lacked ? 'hset' : 'hsetnx', [this.#host.key!, field, this.#host.tokens.next()]);
      command.promise.catch((error: Error) => {
        if (error.name === 'ReplyError') this.#host.error(error);
      });
      this.#shard.issue(command);
    }
    this.#writes++;
    this.#lacked = true;
    // Not at once again and again, with a server that keeps nothing.
    if (!lacked) this.ask();
  }
}

/** The token that follows on that of a namespace, when the ring becomes this one. */
function renewed(namespace: string, ring: string): string {
  return createHash('sha1').update(`${namespace} ${ring}`).digest('hex').slice(0, 24);
}
