import {
  type EtcdCalls,
  type EtcdEntry,
  type EtcdHeader,
  type EtcdPage,
  type EtcdPageRequest,
  type EtcdRange,
  type EtcdStream,
  type EtcdWatchHearer,
  RefusedByEtcd,
  Status,
  UnansweredEtcd,
} from '../../src/discovery/etcd/calls.js';

interface Watching {
  readonly range: EtcdRange;
  readonly hearer: EtcdWatchHearer;
}

/** An etcd in memory: as much of it as we call, told what to do wrong. */
export class ScriptedEtcd implements EtcdCalls {
  readonly address = 'scripted:2379';
  clusterId = 1n;
  revision = 1n;
  /** Nothing from before it can be watched. */
  compacted = 0n;
  /** No call is answered. */
  away = false;
  /** Watches are not told of anything. */
  silent = false;
  /** How often a first page was read, and at which revisions pages were. */
  lists = 0;
  readonly pagesAt: bigint[] = [];
  /** The greatest number of keys a page has, whatever is asked for. */
  pageKeys = 10_000;
  readonly leases: Set<bigint> = new Set();
  readonly watching: Set<Watching> = new Set();
  readonly keys: Map<string, EtcdEntry> = new Map();
  #leases = 0n;

  get header(): EtcdHeader {
    return { clusterId: this.clusterId, revision: this.revision };
  }

  set(key: string, value: string, lease = 0n): void {
    this.revision++;
    const entry = { key, value, lease, modRevision: this.revision };
    this.keys.set(key, entry);
    this.#tell(entry, false);
  }

  delete(key: string): void {
    if (!this.keys.delete(key)) return;
    this.revision++;
    this.#tell({ key, value: '', lease: 0n, modRevision: this.revision }, true);
  }

  /** Ends all watches: the connection broke. */
  cut(): void {
    for (const each of this.watching) each.hearer.ended(this.#gone());
    this.watching.clear();
  }

  async page({ key, prefix, after, limit, revision }: EtcdPageRequest): Promise<EtcdPage> {
    await this.#answer();
    if (after === '') this.lists++;
    this.pagesAt.push(revision);
    if (revision !== 0n && revision <= this.compacted) {
      throw new RefusedByEtcd(Status.outOfRange, 'etcdserver: mvcc: required revision has been compacted');
    }
    const known = [...this.keys.values()].filter((each) => (prefix ? each.key.startsWith(key) : each.key === key));
    const entries = known.filter((each) => each.key > after).sort((a, b) => (a.key < b.key ? -1 : 1));
    const size = Math.min(limit, this.pageKeys);
    return { header: this.header, entries: entries.slice(0, size), more: entries.length > size };
  }

  async put(key: string, value: string, lease: bigint): Promise<void> {
    await this.#answer();
    if (!this.leases.has(lease)) throw new RefusedByEtcd(Status.notFound, 'etcdserver: requested lease not found');
    this.set(key, value, lease);
  }

  async grant(ttlSeconds: number): Promise<{ readonly lease: bigint; readonly ttlSeconds: number }> {
    await this.#answer();
    const lease = ++this.#leases;
    this.leases.add(lease);
    return { lease, ttlSeconds };
  }

  async keepAlive(lease: bigint): Promise<number> {
    await this.#answer();
    return this.leases.has(lease) ? 10 : 0;
  }

  async revoke(lease: bigint): Promise<void> {
    await this.#answer();
    this.endLease(lease);
  }

  /** As when its time is over: its keys go with it. */
  endLease(lease: bigint): void {
    this.leases.delete(lease);
    for (const entry of [...this.keys.values()]) if (entry.lease === lease) this.delete(entry.key);
  }

  watch(range: EtcdRange, revision: bigint, hearer: EtcdWatchHearer): EtcdStream {
    const watching = { range, hearer };
    const message = { created: false, canceled: false, compactRevision: 0n, reason: '', fragment: false, events: [] };
    queueMicrotask(() => {
      if (this.away) hearer.ended(this.#gone());
      if (this.away || this.silent) return;
      this.watching.add(watching);
      hearer.message({ ...message, header: this.header, created: true });
      if (revision > this.compacted) return;
      this.watching.delete(watching);
      hearer.message({ ...message, header: this.header, canceled: true, compactRevision: this.compacted });
    });
    return {
      askProgress: () => {
        if (!this.silent && this.watching.has(watching)) hearer.message({ ...message, header: this.header });
      },
      close: () => this.watching.delete(watching),
    };
  }

  close(): void {
    this.watching.clear();
  }

  #tell(entry: EtcdEntry, deleted: boolean): void {
    if (this.silent) return;
    for (const { range, hearer } of [...this.watching]) {
      if (range.prefix ? !entry.key.startsWith(range.key) : entry.key !== range.key) continue;
      const flags = { created: false, canceled: false, compactRevision: 0n, reason: '', fragment: false };
      hearer.message({ ...flags, header: this.header, events: [{ deleted, entry }] });
    }
  }

  async #answer(): Promise<void> {
    await Promise.resolve();
    if (this.away) throw this.#gone();
  }

  #gone(): UnansweredEtcd {
    return new UnansweredEtcd('FAIRLEAD_DISCOVERY', `etcd at ${this.address}: it is away.`);
  }
}
