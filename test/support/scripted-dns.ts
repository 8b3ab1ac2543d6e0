import { type AddressRecord, type DnsLookups, NoSuchName, type SrvRecord } from '../../src/discovery/dns/lookups.js';

type Answer<T> = readonly T[] | Error | undefined;

/** DNS in memory; what is not in it does not exist. */
export class ScriptedDns implements DnsLookups {
  readonly a4: Record<string, Answer<AddressRecord>> = {};
  readonly a6: Record<string, Answer<AddressRecord>> = {};
  readonly services: Record<string, Answer<SrvRecord>> = {};
  readonly asked: string[] = [];

  a(name: string): Promise<readonly AddressRecord[]> {
    return this.#answer(`A ${name}`, this.a4[name]);
  }
  aaaa(name: string): Promise<readonly AddressRecord[]> {
    return this.#answer(`AAAA ${name}`, this.a6[name]);
  }
  srv(name: string): Promise<readonly SrvRecord[]> {
    return this.#answer(`SRV ${name}`, this.services[name]);
  }
  close(): void {}

  async #answer<T>(question: string, answer: Answer<T>): Promise<readonly T[]> {
    this.asked.push(question);
    if (answer === undefined) throw new NoSuchName(`there is no ${question}`);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

export const addresses = (ttl: number, ...list: readonly string[]): AddressRecord[] =>
  list.map((address) => ({ address, ttl }));
