import { Resolver } from 'node:dns/promises';
import { BoundedMap } from '../../runtime/bounded-map.js';
import { type Clock, withTimeout } from '../../runtime/clock.js';
import { toError } from '../../runtime/errors.js';
import { Semaphore } from '../../runtime/semaphore.js';
import { type AddressRecord, type DnsLookups, NoSuchName, type SrvRecord } from './lookups.js';

export interface LookupSettings {
  /** `address` or `address:port`; undefined for those of the system. */
  readonly servers: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly tries: number;
  /** An answer is used again for so long. */
  readonly reuseMs: number;
}

/** Questions on their way at once: a service record may have hundreds of targets. */
const MAX_QUESTIONS = 32;

/** Names whose last answer is remembered. */
const MAX_NAMES = 10_000;

interface Asked {
  readonly atMs: number;
  readonly answer: Promise<unknown>;
}

/**
 * Questions by node:dns, whose resolver (c-ares) remembers nothing: all who ask the same at a time,
 * or within `reuseMs`, get one answer. It asks for the name as it is given: there are no search
 * domains, and no /etc/hosts.
 */
export class NodeLookups implements DnsLookups {
  readonly #resolver: Resolver;
  readonly #clock: Clock;
  readonly #settings: LookupSettings;
  readonly #slots = new Semaphore(MAX_QUESTIONS);
  readonly #asked = new BoundedMap<string, Asked>(MAX_NAMES);

  /** Throws where a server is not one. */
  constructor(settings: LookupSettings, clock: Clock) {
    const { timeoutMs, tries, servers } = settings;
    this.#resolver = new Resolver({ timeout: timeoutMs, tries });
    if (servers !== undefined) this.#resolver.setServers(servers);
    this.#settings = settings;
    this.#clock = clock;
  }

  a(name: string): Promise<readonly AddressRecord[]> {
    return this.#once('A', name, () => this.#resolver.resolve4(name, { ttl: true }));
  }

  aaaa(name: string): Promise<readonly AddressRecord[]> {
    return this.#once('AAAA', name, () => this.#resolver.resolve6(name, { ttl: true }));
  }

  srv(name: string): Promise<readonly SrvRecord[]> {
    return this.#once('SRV', name, () => this.#resolver.resolveSrv(name));
  }

  close(): void {
    this.#resolver.cancel();
  }

  #once<T>(kind: string, name: string, ask: () => Promise<T>): Promise<T> {
    const key = `${kind} ${name}`;
    const nowMs = this.#clock.now();
    const known = this.#asked.get(key);
    if (known !== undefined && nowMs - known.atMs < this.#settings.reuseMs) return known.answer as Promise<T>;
    const answer = this.#ask(kind, name, ask);
    // Who asked hears of it.
    answer.catch(() => {});
    this.#asked.set(key, { atMs: nowMs, answer });
    return answer;
  }

  async #ask<T>(kind: string, name: string, ask: () => Promise<T>): Promise<T> {
    const { timeoutMs, tries } = this.#settings;
    await this.#slots.acquire();
    // c-ares waits longer from try to try, and for each server; so much is enough for all of them.
    const limitMs = timeoutMs * 2 ** tries;
    try {
      return await withTimeout(this.#clock, limitMs, ask(), () => new Error(`no answer within ${limitMs} ms`));
    } catch (thrown) {
      const { code, message } = toError(thrown) as NodeJS.ErrnoException;
      if (code === 'ENOTFOUND') throw new NoSuchName(`there is no name '${name}'`);
      if (code === 'ENODATA') throw new NoSuchName(`'${name}' has no ${kind} record`);
      throw new Error(`${kind} '${name}': ${code ?? message}`);
    } finally {
      this.#slots.release();
    }
  }
}
