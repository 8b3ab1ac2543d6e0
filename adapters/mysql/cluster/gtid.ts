import { BoundedMap } from '../../../src/adapter.js';

/**
 * Positions in a primary's history. MySQL: `source:first-last` intervals, where the source is a
 * UUID, with a tag since 8.3 (MySQL Reference Manual, "GTID Format and Storage"). MariaDB:
 * `domain-server-sequence`, one number per domain (MariaDB Knowledge Base, "Global Transaction
 * ID"). Text that is neither is ignored: a position that cannot be read must not stop a caller, and
 * what it stood for is read at the primary.
 */

interface Interval {
  first: number;
  last: number;
}

const MYSQL_SOURCE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MARIADB = /^(\d+)-(\d+)-(\d+)$/;
const INTERVAL = /^(\d+)(?:-(\d+))?$/;

/**
 * Where one server is, as its prober read it: a set that can be asked whether it covers a token.
 */
export class GtidPosition {
  readonly #intervals = new Map<string, Interval[]>();
  readonly #domains = new Map<string, number>();

  /** From @@gtid_executed (MySQL) or @@gtid_current_pos (MariaDB). */
  static parse(text: string): GtidPosition {
    const position = new GtidPosition();
    eachGtid(text, {
      mysql: (source, interval) => {
        const known = position.#intervals.get(source);
        if (known === undefined) position.#intervals.set(source, [interval]);
        else known.push(interval);
      },
      mariadb: (domain, _server, sequence) => {
        position.#domains.set(domain, Math.max(sequence, position.#domains.get(domain) ?? 0));
      },
    });
    return position;
  }

  /** True where a server at this position has everything that one at `other` has. */
  includes(other: GtidPosition): boolean {
    for (const [source, wanted] of other.#intervals) {
      for (const interval of wanted) if (!this.hasInterval(source, interval)) return false;
    }
    for (const [domain, sequence] of other.#domains) if (!this.hasSequence(domain, sequence)) return false;
    return true;
  }

  /**
   * The newest runs of transactions of each source, as a token takes them. One run, but where the
   * members of a replication group number their own
   * (`group_replication_gtid_assignment_block_size`), or a replica applies them out of order.
   */
  get newest(): string {
    return this.newestKnownTo(undefined);
  }

  /**
   * As `newest`, of the sources that `other` has too: what a server has from another source, none
   * of the others will ever have.
   */
  newestKnownTo(other: GtidPosition | undefined): string {
    const newest: string[] = [];
    for (const [source, intervals] of this.#intervals) {
      if (other !== undefined && !other.#intervals.has(source)) continue;
      const runs = [...intervals].sort((a, b) => a.first - b.first).slice(-MAX_RUNS);
      newest.push(`${source}:${textOf(runs)}`);
    }
    for (const [domain, sequence] of this.#domains) newest.push(`${domain}-0-${sequence}`);
    return newest.join(',');
  }

  hasInterval(source: string, wanted: Interval): boolean {
    return (this.#intervals.get(source) ?? []).some(({ first, last }) => first <= wanted.first && wanted.last <= last);
  }

  hasSequence(domain: string, sequence: number): boolean {
    return (this.#domains.get(domain) ?? 0) >= sequence;
  }
}

/**
 * What a session did, as runs per source: from its first write to its last. The writes of others
 * between them precede its last one in the same history, so waiting for them costs nothing more,
 * and the token stays small. Where numbers are far apart another member of a replication group gave
 * them, and what lies between may never exist: a run of its own.
 */
export class GtidToken {
  // A session meets a new source at every failover: the oldest leave before their number matters.
  readonly #runs = new BoundedMap<string, Interval[]>(MAX_SOURCES);
  readonly #domains = new BoundedMap<string, { server: string; sequence: number }>(MAX_SOURCES);

  /** Adds what a write reported, or a whole token that was exported. */
  add(text: string): void {
    eachGtid(text, {
      mysql: (source, interval) => {
        const known = this.#runs.get(source);
        if (known === undefined) this.#runs.set(source, [interval]);
        else join(known, interval);
      },
      mariadb: (domain, server, sequence) => {
        const known = this.#domains.get(domain);
        if (known === undefined || known.sequence < sequence) this.#domains.set(domain, { server, sequence });
      },
    });
  }

  get empty(): boolean {
    return this.#runs.size === 0 && this.#domains.size === 0;
  }

  /** True where a server at this position has everything the token stands for. */
  coveredBy(position: GtidPosition): boolean {
    for (const [source, runs] of this.#runs) {
      for (const run of runs) if (!position.hasInterval(source, run)) return false;
    }
    for (const [domain, { sequence }] of this.#domains) if (!position.hasSequence(domain, sequence)) return false;
    return true;
  }

  /** As WAIT_FOR_EXECUTED_GTID_SET or MASTER_GTID_WAIT take it. */
  toString(): string {
    const mysql = [...this.#runs].map(([source, runs]) => `${source}:${textOf(runs)}`);
    const mariadb = [...this.#domains].map(([domain, { server, sequence }]) => `${domain}-${server}-${sequence}`);
    return [...mysql, ...mariadb].join(',');
  }
}

/**
 * Sources (servers that were primary) one session can have written to; ten failovers in one session
 * are many.
 */
const MAX_SOURCES = 16;

/** Runs of one source that are told apart; the older ones every server has had for long. */
const MAX_RUNS = 4;

/** What else a busy server writes between two writes of a session, and below a group's blocks. */
const MAX_GAP = 100_000;

/** Adds to sorted runs, joined with those that it touches or nearly does. */
function join(runs: Interval[], { first, last }: Interval): void {
  const near = (run: Interval): boolean => run.first <= last + MAX_GAP && first <= run.last + MAX_GAP;
  const joined = runs.filter(near);
  const apart = runs.filter((run) => !near(run));
  apart.push({
    first: Math.min(first, ...joined.map((run) => run.first)),
    last: Math.max(last, ...joined.map((run) => run.last)),
  });
  apart.sort((a, b) => a.first - b.first);
  runs.splice(0, runs.length, ...apart.slice(-MAX_RUNS));
}

function textOf(runs: readonly Interval[]): string {
  return runs.map(({ first, last }) => `${first}-${last}`).join(':');
}

interface Visitor {
  mysql(source: string, interval: Interval): void;
  mariadb(domain: string, server: string, sequence: number): void;
}

function eachGtid(text: string, visitor: Visitor): void {
  for (const part of text.split(',')) {
    const gtid = part.trim();
    const mariadb = MARIADB.exec(gtid);
    if (mariadb !== null) visitor.mariadb(mariadb[1]!, mariadb[2]!, Number(mariadb[3]));
    else eachInterval(gtid, visitor);
  }
}

/** `source:1-5:7` and `source:tag:1-5:othertag:7`. */
function eachInterval(gtid: string, visitor: Visitor): void {
  const [source, ...rest] = gtid.split(':');
  if (source === undefined || !MYSQL_SOURCE.test(source)) return;
  let key = source.toLowerCase();
  for (const piece of rest) {
    const interval = INTERVAL.exec(piece);
    if (interval === null) {
      key = `${source.toLowerCase()}:${piece}`;
      continue;
    }
    const first = Number(interval[1]);
    visitor.mysql(key, { first, last: Number(interval[2] ?? first) });
  }
}
