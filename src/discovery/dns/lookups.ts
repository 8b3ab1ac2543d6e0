/** An address record. */
export interface AddressRecord {
  readonly address: string;
  /** Seconds for which it may be kept. */
  readonly ttl: number;
}

/** A service record (RFC 2782); node:dns tells no TTL of it. */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/**
 * Contract: questions to DNS. Each rejects with a NoSuchName where DNS says that there is no such
 * name or record, and with another error where it gave no answer or a bad one.
 */
export interface DnsLookups {
  a(name: string): Promise<readonly AddressRecord[]>;
  aaaa(name: string): Promise<readonly AddressRecord[]>;
  srv(name: string): Promise<readonly SrvRecord[]>;
  /** Ends what is under way. */
  close(): void;
}

/** A negative answer: there is no such name, or it has no record of this kind. */
export class NoSuchName extends Error {
  override readonly name: string = 'NoSuchName';
}
