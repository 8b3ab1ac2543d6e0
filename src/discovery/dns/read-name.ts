import { addressOf, type EndpointSpec, MAX_WEIGHT } from '../../endpoint/endpoint.js';
import { toError } from '../../runtime/errors.js';
import { type AddressRecord, type DnsLookups, NoSuchName, type SrvRecord } from './lookups.js';

export type DnsRecords = 'a' | 'aaaa' | 'both' | 'srv';

export interface DnsQuery {
  /** Those with the same share a watch. */
  readonly key: string;
  readonly service: string;
  readonly name: string;
  readonly records: DnsRecords;
  /** Of address records, which have none. */
  readonly port: number;
}

/** What DNS says of a name. */
export interface DnsAnswer {
  /** Sorted: servers turn the order of their records with each answer. */
  readonly endpoints: readonly EndpointSpec[];
  /** Seconds until the first of the records is over; Infinity where none has a TTL. */
  readonly ttl: number;
  /** What went wrong of parts of it: these are as they were before. */
  readonly failures: readonly Error[];
}

/**
 * What DNS said last of each name and kind: it stands in where a question gets no answer, as some
 * servers give none to questions for IPv6 addresses.
 */
export type Known = Map<string, readonly AddressRecord[]>;

/** RFC 2782: among others with a weight, one with 0 has a very small chance. */
const SMALLEST_WEIGHT = 0.01;

const LAST_PRIORITY = 127;

/** Addresses of a name, and the kinds that gave no answer. */
interface Addresses {
  readonly found: readonly AddressRecord[];
  readonly failures: readonly Error[];
}

const KINDS = { a: ['a'], aaaa: ['aaaa'], both: ['a', 'aaaa'] } as const;

/** Rejects with a NoSuchName where DNS has no endpoint for it. */
export async function readName(query: DnsQuery, lookups: DnsLookups, known: Known): Promise<DnsAnswer> {
  const { records, name, port } = query;
  const now: Known = new Map();
  const ask = (target: string, kinds: Exclude<DnsRecords, 'srv'>): Promise<Addresses> =>
    addressesOf(target, kinds, lookups, known, now);
  const answer =
    records === 'srv' ? await readService(name, lookups, ask) : await readAddresses(name, port, records, ask);
  known.clear();
  for (const [key, addresses] of now) known.set(key, addresses);
  return answer;
}

type Ask = (target: string, records: Exclude<DnsRecords, 'srv'>) => Promise<Addresses>;

async function readAddresses(
  name: string,
  port: number,
  records: Exclude<DnsRecords, 'srv'>,
  ask: Ask,
): Promise<DnsAnswer> {
  const { found, failures } = await ask(name, records);
  // Nothing was answered: what is known is not confirmed by that.
  if (failures.length === KINDS[records].length) throw failures[0];
  const specs = found.map(({ address }) => specOf(address, port, {}));
  return { endpoints: sorted(specs), ttl: shortest(found), failures };
}

/**
 * Of two kinds one may be missing. One that gives no answer is as it was before. Rejects where
 * nothing is left.
 */
async function addressesOf(
  name: string,
  records: Exclude<DnsRecords, 'srv'>,
  lookups: DnsLookups,
  known: Known,
  now: Known,
): Promise<Addresses> {
  const missing: NoSuchName[] = [];
  const failures: Error[] = [];
  const parts = await Promise.all(
    KINDS[records].map(async (kind) => {
      const key = `${kind} ${name}`;
      try {
        const addresses = await lookups[kind](name);
        // A name that is another's, of which there is nothing.
        if (addresses.length === 0) throw new NoSuchName(`'${name}' has no ${kind.toUpperCase()} record`);
        now.set(key, addresses);
        return addresses;
      } catch (thrown) {
        if (thrown instanceof NoSuchName) {
          missing.push(thrown);
          return [];
        }
        failures.push(toError(thrown));
        const before = known.get(key);
        if (before !== undefined) now.set(key, before);
        return before ?? [];
      }
    }),
  );
  const found = parts.flat();
  if (found.length === 0) throw failures[0] ?? missing[0];
  return { found, failures };
}

async function readService(name: string, lookups: DnsLookups, ask: Ask): Promise<DnsAnswer> {
  // A target '.', which node:dns shows as '', says that the service is not offered here.
  const records = (await lookups.srv(name)).filter((record) => record.name !== '' && record.name !== '.');
  if (records.length === 0) throw new NoSuchName(`'${name}' says that this service is not offered`);
  const failures: Error[] = [];
  const targets = new Map<string, readonly AddressRecord[]>();
  await Promise.all(
    [...new Set(records.map((record) => record.name))].map(async (target) => {
      try {
        const { found, failures: some } = await ask(target, 'both');
        targets.set(target, found);
        failures.push(...some);
      } catch (thrown) {
        if (!(thrown instanceof NoSuchName)) failures.push(toError(thrown));
      }
    }),
  );
  const endpoints = endpointsOf(records, targets);
  // Nothing of it is known: that is a failure, and not an empty service.
  if (endpoints.length === 0) throw failures[0] ?? new NoSuchName(`no target of '${name}' has an address and a port`);
  return { endpoints, ttl: shortest([...targets.values()].flat()), failures };
}

/** Addresses of the targets of service records. */
type Targets = ReadonlyMap<string, readonly AddressRecord[]>;

/**
 * Of several addresses of a target each gets its share of the target's weight. Priorities become
 * their rank: fairlead has fewer of them than DNS, and only their order counts.
 */
function endpointsOf(records: readonly SrvRecord[], known: Targets): readonly EndpointSpec[] {
  const ranks = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  const weighted = records.some(({ weight }) => weight > 0);
  const byId = new Map<string, EndpointSpec>();
  for (const { name, port, priority, weight } of records) {
    const addresses = known.get(name) ?? [];
    const whole = weighted ? Math.max(weight, SMALLEST_WEIGHT) : 1;
    for (const { address } of addresses) {
      if (port < 1) continue;
      const spec = specOf(address, port, {
        weight: Math.min(whole / addresses.length, MAX_WEIGHT),
        priority: Math.min(ranks.indexOf(priority), LAST_PRIORITY),
        meta: { target: name },
      });
      const twin = byId.get(spec.id);
      // Two records for one address: the one of the better priority.
      if (twin === undefined || spec.priority < twin.priority) byId.set(spec.id, spec);
    }
  }
  return sorted([...byId.values()]);
}

function specOf(host: string, port: number, more: Partial<EndpointSpec>): EndpointSpec {
  return { id: addressOf({ host, port }), host, port, weight: 1, priority: 0, zone: '', tags: [], meta: {}, ...more };
}

function sorted(specs: readonly EndpointSpec[]): readonly EndpointSpec[] {
  const byId = new Map(specs.map((spec) => [spec.id, spec]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function shortest(records: readonly AddressRecord[]): number {
  return Math.min(Number.POSITIVE_INFINITY, ...records.map(({ ttl }) => ttl));
}
