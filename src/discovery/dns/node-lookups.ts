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

/** What is used of node:dns. */
export type NodeResolver = Pick<Resolver, 'resolve4' | 'resolve6' | 'resolveSrv' | 'cancel' | 'getServers'>;

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
  readonly #make: () => NodeResolver;
  #resolver: NodeResolver;
  readonly #clock: Clock;
  readonly #settings: LookupSettings;
  readonly #slots = new Semaphore(MAX_QUESTIONS);
  #closed = false;
  readonly #asked = new BoundedMap<string, Asked>(MAX_NAMES);

  /** Throws where a server is not one. */
  constructor(settings: LookupSettings, clock: Clock, make: () => NodeResolver = () => resolverOf(settings)) {
    this.#make = make;
    this.#resolver = make();
    this.#settings = settings;
    this.#clock = clock;
  }

  a(name: string): Promise<readonly AddressRecord[]> {
    return this.#once('A', name, (resolver) => resolver.resolve4(name, { ttl: true }));
  }

  aaaa(name: string): Promise<readonly AddressRecord[]> {
    return this.#once('AAAA', name, (resolver) => resolver.resolve6(name, { ttl: true }));
  }

  srv(name: string): Promise<readonly SrvRecord[]> {
    return this.#once('SRV', name, (resolver) => resolver.resolveSrv(name));
  }

  close(): void {
    this.#closed = true;
    this.#resolver.cancel();
  }

  #once<T>(kind: string, name: string, ask: (resolver: NodeResolver) => Promise<T>): Promise<T> {
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

  async #ask<T>(kind: string, name: string, ask: (resolver: NodeResolver) => Promise<T>): Promise<T> {
    await this.#slots.acquire();
    if (this.#closed) {
      this.#slots.release();
      throw new Error(`${kind} '${name}': closed`);
    }
    const resolver = this.#resolver;
    const servers = resolver.getServers();
    const limitMs = this.#limitMs(servers.length);
    try {
      return await withTimeout(this.#clock, limitMs, ask(resolver), () => new Error(`no answer within ${limitMs} ms`));
    } catch (thrown) {
      const { code, message } = toError(thrown) as NodeJS.ErrnoException;
      if (code === 'ENOTFOUND') throw new NoSuchName(`there is no name '${name}'`);
      if (code === 'ENODATA') throw new NoSuchName(`'${name}' has no ${kind} record`);
      this.#readServers(servers);
      throw new Error(`${kind} '${name}': ${code ?? message} (asked ${servers.join(', ')})`);
    } finally {
      this.#slots.release();
    }
  }

  /**
   * Servers are asked one after the other, and all of them again for twice as long. The last one
   * may take all of its time as well.
   */
  #limitMs(servers: number): number {
    const { timeoutMs, tries } = this.#settings;
    return timeoutMs * (Math.max(1, servers) * (2 ** tries - 1) + 1);
  }

  /** The system may have others by now, as after a change of networks: node:dns reads them once. */
  #readServers(asked: readonly string[]): void {
    if (this.#settings.servers !== undefined || this.#closed) return;
    const fresh = this.#make();
    const now = fresh.getServers();
    if (now.length > 0 && now.join() !== asked.join()) this.#resolver = fresh;
  }
}

function resolverOf({ timeoutMs, tries, servers }: LookupSettings): Resolver {
  const resolver = new Resolver({ timeout: timeoutMs, tries });
  if (servers !== undefined) resolver.setServers(servers);
  return resolver;
}
