import { runUntraced } from '../../../src/adapter.js';
import type { EndpointSpec } from '../../../src/index.js';
import { type Command, ownCommand, type Redis } from '../driver/driver.js';

export interface RoleHost {
  readonly connection: Redis;
  /** The primary has become a replica. */
  demoted(cause: Error): void;
}

/**
 * Whether a server that discovery calls a primary is one: by ROLE, which is asked beside each
 * probe, and by what it answers to writes.
 *
 * ## Trip Conditions
 *
 * ROLE says replica, or a command is answered by `-READONLY`.
 *
 * ## Recovery Conditions
 *
 * ROLE says master. A server that does not know ROLE, or lets this user not ask for it, is told by
 * nothing: then the answers to writes are the callers' alone.
 */
export class PrimaryRole {
  #demoted = false;
  /** Not asked again on one connection: each refusal would be in the server's ACL LOG. */
  #unanswerable = false;
  readonly #host: RoleHost;

  constructor(host: RoleHost) {
    this.#host = host;
  }

  get demoted(): boolean {
    return this.#demoted;
  }

  /** The connection was made anew: its server or user may be another one. */
  renew(): void {
    this.#unanswerable = false;
  }

  /** The command that asks; undefined where that has no use. */
  question(): Command | undefined {
    if (this.#unanswerable) return undefined;
    const command = ownCommand('role');
    command.promise.then(
      (reply) => this.#read(reply),
      (error: Error) => {
        if (error.name !== 'ReplyError' || !/^(NOPERM|ERR)\b/.test(error.message)) return;
        this.#unanswerable = true;
        this.#demoted = false;
      },
    );
    return command;
  }

  /** Sent now, so that the answer comes before that to whatever is sent next. */
  ask(): void {
    const command = this.question();
    if (command !== undefined) runUntraced(() => this.#host.connection.sendCommand(command));
  }

  /** A command was answered by this error. */
  refused(error: Error): void {
    if (!this.#unanswerable && error.message.startsWith('READONLY')) this.#demote(error);
  }

  #read(reply: unknown): void {
    if (!Array.isArray(reply)) return;
    const [role, host, port] = reply.map(String);
    if (role === 'master') this.#demoted = false;
    else if (role === 'slave') {
      const of = /^[\w.:-]{1,255}$/.test(host ?? '') ? ` of ${host}:${port}` : '';
      this.#demote(new Error(`By ROLE it is a replica${of}.`));
    }
  }

  #demote(cause: Error): void {
    this.#demoted = true;
    this.#host.demoted(cause);
  }
}

/** By discovery: `meta.role` is `replica`, or the instance has the tag `replica`. */
export function isReplica({ meta, tags }: EndpointSpec): boolean {
  return meta.role === 'replica' || (meta.role === undefined && tags.includes('replica'));
}
