import { FairleadError, toError } from '../../runtime/errors.js';
import { readEndpoint } from '../endpoint-input.js';
import { Keeper, type KeeperSettings, type Wanted } from '../keeper.js';
import { type EtcdCalls, type EtcdEntry, RefusedByEtcd, Status } from './calls.js';
import type { EtcdInstanceSettings } from './instance.js';
import type { EtcdLayout } from './layout.js';

export interface LeaseContext extends KeeperSettings {
  readonly calls: EtcdCalls;
  readonly layout: EtcdLayout;
  readonly ttlMs: number;
}

/** Refusals that the same request would meet again. */
const LASTING: readonly number[] = [Status.invalidArgument, Status.permissionDenied, Status.resourceExhausted];

/** Times that a lease is kept alive within its time to live: two may get lost. */
export const BEATS_PER_TTL = 3;

/**
 * Keeps one key as it is wanted, under a lease of its own. Each beat keeps the lease alive and
 * reads the key.
 *
 * ## Is put anew
 * When the lease is over (a process or an etcd that stood still for longer than its time to live:
 * etcd answers with a time to live of 0), when etcd does not know it (an older backup was
 * restored), and when the key is gone or another's with our address; for as long as it is wanted.
 *
 * ## Is taken out
 * By ending the lease: that takes back a put as well whose answer got lost, also one that is still
 * under way.
 */
export class LeaseKeeper extends Keeper<EtcdInstanceSettings> {
  readonly #context: LeaseContext;
  readonly #instance: EtcdInstanceSettings;
  /** 0 for none. */
  #lease = 0n;
  /** The value that the key has, as far as we know. */
  #agreed: string | undefined;
  #replaced = false;

  constructor(instance: EtcdInstanceSettings, context: LeaseContext, ended: () => void) {
    super(context, ended);
    this.#instance = instance;
    this.#context = context;
  }

  protected async list(wanted: Wanted<EtcdInstanceSettings>): Promise<number> {
    const { instance, owner } = wanted;
    const value = this.#context.layout.write!({ ...instance.written, healthy: owner.health !== 'critical' });
    if (!(await this.#leased())) {
      owner.become('lost');
      return 0;
    }
    if (this.#agreed !== value && !this.#replaced) await this.#put(value);
    else if (!(await this.#isAsWanted(wanted))) return 0;
    if (this.wanted !== wanted) return 0;
    if (this.#replaced) {
      owner.become('replaced');
      return this.#context.verifyIntervalMs;
    }
    owner.become('registered');
    this.reached();
    return this.beatMs();
  }

  protected async unlist(): Promise<number> {
    if (this.#lease !== 0n) await this.#context.calls.revoke(this.#lease);
    this.#lease = 0n;
    this.#agreed = undefined;
    if (this.wanted !== undefined) return 0;
    this.reached();
    return Number.POSITIVE_INFINITY;
  }

  protected toFailure(thrown: unknown): FairleadError {
    const what = toError(thrown).message;
    return this.#error('FAIRLEAD_REGISTRATION', `'${this.#instance.id}' is not registered: ${what}`, thrown);
  }

  protected isRefusal({ cause }: FairleadError): boolean {
    return cause instanceof RefusedByEtcd && LASTING.includes(cause.status);
  }

  protected beatMs(): number {
    return this.#context.ttlMs / BEATS_PER_TTL;
  }

  /** A lease, kept alive. False where there was one, which is over. */
  async #leased(): Promise<boolean> {
    const { calls, ttlMs } = this.#context;
    if (this.#lease === 0n) {
      this.#lease = (await calls.grant(Math.ceil(ttlMs / 1_000))).lease;
      this.#agreed = undefined;
      return true;
    }
    if ((await calls.keepAlive(this.#lease)) > 0) return true;
    this.#lease = 0n;
    return false;
  }

  async #put(value: string): Promise<void> {
    this.#agreed = undefined;
    try {
      await this.#context.calls.put(this.#instance.key, value, this.#lease);
    } catch (thrown) {
      // Without a lease by that number: it is over since it was kept alive.
      if (thrown instanceof RefusedByEtcd && thrown.status === Status.notFound) this.#lease = 0n;
      throw thrown;
    }
    this.#agreed = value;
    this.listed();
  }

  /** False where the key is not ours, and is to be put anew. */
  async #isAsWanted({ owner }: Wanted<EtcdInstanceSettings>): Promise<boolean> {
    const { key } = this.#instance;
    const page = await this.#context.calls.page({ key, prefix: false, after: '', limit: 1, revision: 0n });
    const entry = page.entries[0];
    if (entry !== undefined && entry.lease === this.#lease) {
      this.#replaced = false;
      return true;
    }
    const elsewhere = entry === undefined ? undefined : this.#elsewhere(entry);
    if (elsewhere === undefined) {
      this.#replaced = false;
      this.#agreed = undefined;
      owner.become('lost');
      return false;
    }
    if (!this.#replaced) owner.failed(this.#conflict(elsewhere));
    this.#replaced = true;
    return true;
  }

  /** The address under our key, where it is not ours. */
  #elsewhere({ key, value }: EtcdEntry): string | undefined {
    const { id, service, written } = this.#instance;
    try {
      const input = this.#context.layout.read(value, id, service);
      if (input === undefined) return undefined;
      const { host, port } = readEndpoint(input, key);
      return host === written.host && port === written.port ? undefined : `${host}:${port}`;
    } catch {
      // What no client can read is no instance.
      return undefined;
    }
  }

  #conflict(address: string): FairleadError {
    return this.#error(
      'FAIRLEAD_CONFLICT',
      `'${this.#instance.id}' is at ${address}: another process registered it there. Give each instance its own id; ` +
        'this one is not listed while that one is.',
    );
  }

  #error(code: 'FAIRLEAD_REGISTRATION' | 'FAIRLEAD_CONFLICT', what: string, cause?: unknown): FairleadError {
    const { service, id } = this.#instance;
    return new FairleadError(code, `etcd at ${this.#context.calls.address}: ${what}`, { service, endpoint: id, cause });
  }
}
