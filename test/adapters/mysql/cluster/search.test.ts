import type { ManualClock } from 'fairlead/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Search, type SearchHost } from '../../../../adapters/mysql/cluster/search.js';
import type { EndpointPool, PhysicalCallback } from '../../../../adapters/mysql/connections/endpoint-pool.js';
import type { Physical } from '../../../../adapters/mysql/connections/physical.js';
import { type Endpoint, FairleadError, type Service, type Subset } from '../../../../src/index.js';
import { endpoints, testMesh } from '../../../support/mesh.js';

/** A pool that answers when the test says so. */
class FakePool {
  readonly waiting: { readonly timeoutMs: number; readonly callback: PhysicalCallback }[] = [];
  idle: Physical | undefined;
  takeIdle(): Physical | undefined {
    return this.idle;
  }
  checkout(timeoutMs: number, callback: PhysicalCallback): void {
    this.waiting.push({ timeoutMs, callback });
  }
  answer(error: unknown, physical?: Physical): void {
    this.waiting.shift()!.callback(error, physical);
  }
}

const PHYSICAL = {} as Physical;
const REFUSED = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const CLOSED = new FairleadError('FAIRLEAD_CLOSED', 'Pool is closed.');

let clock: ManualClock;
let service: Service;
let pools: Map<Endpoint, FakePool>;
/** Who may serve now. */
let able: Set<string>;
let refusal: unknown;
let listeners: Set<() => void>;
let results: unknown[];
let subset: Subset;

function search(route: 'primary' | 'replica' = 'replica', acquireTimeoutMs = 1_000): void {
  const host: SearchHost = {
    clock,
    acquireTimeoutMs,
    subsetFor: (_route, tried) =>
      subset.rotation.some((each) => !tried.includes(each)) || (route === 'primary' && subset.rotation.length > 0)
        ? subset
        : undefined,
    poolOf: (endpoint) => pools.get(endpoint) as unknown as EndpointPool | undefined,
    refusal: () => refusal,
    noServer: () => new FairleadError('FAIRLEAD_NO_ENDPOINT', 'nobody'),
    on: (_event, listener) => listeners.add(listener),
    off: (_event, listener) => listeners.delete(listener),
  };
  new Search(host, route, [], (error, checkout) => {
    results.push(checkout?.endpoint.spec.id ?? (error as { code?: string }).code);
  }).start();
}

function changed(...ids: string[]): void {
  able = new Set(ids);
  subset.refresh();
  for (const listener of [...listeners]) listener();
}

const poolAt = (id: string): FakePool => pools.get(service.endpoints.find(({ spec }) => spec.id === id)!)!;
const inFlight = (): number => service.endpoints.reduce((sum, { inflight: each }) => sum + each, 0);

beforeEach(() => {
  const test = testMesh({ db: endpoints(2) });
  clock = test.clock;
  service = test.mesh.service('db');
  able = new Set(['e0', 'e1']);
  subset = service.subset({ usable: ({ spec }) => able.has(spec.id) });
  pools = new Map(service.endpoints.map((endpoint) => [endpoint, new FakePool()]));
  refusal = undefined;
  listeners = new Set();
  results = [];
});

describe('the search for a connection', () => {
  it('takes an idle one at once', () => {
    changed('e1');
    poolAt('e1').idle = PHYSICAL;
    search();
    expect(results).toEqual(['e1']);
    expect(inFlight()).toBe(1);
  });

  it('tries another server for a read where one cannot be connected to, and leaves no lease behind', () => {
    search();
    const [first, second] = poolAt('e0').waiting.length > 0 ? ['e0', 'e1'] : ['e1', 'e0'];
    poolAt(first!).answer(REFUSED);
    expect(results).toEqual([]);
    poolAt(second!).answer(null, PHYSICAL);
    expect([results, inFlight()]).toEqual([[second], 1]);
  });

  it('tries the one primary again after a rest, and tells its error once the time is over', () => {
    changed('e0');
    search('primary', 120);
    poolAt('e0').answer(REFUSED);
    clock.advance(49);
    expect(poolAt('e0').waiting).toEqual([]);
    clock.advance(1);
    // What is left of the time.
    expect(poolAt('e0').waiting.map(({ timeoutMs }) => timeoutMs)).toEqual([70]);
    poolAt('e0').answer(REFUSED);
    clock.advance(50);
    poolAt('e0').answer(REFUSED);
    expect([results, inFlight()]).toEqual([['ECONNREFUSED'], 0]);
  });

  it('tells a refused login at once', () => {
    search();
    const pool = poolAt('e0').waiting.length > 0 ? poolAt('e0') : poolAt('e1');
    pool.answer(Object.assign(new Error('denied'), { errno: 1045, code: 'ER_ACCESS_DENIED_ERROR' }));
    expect([results, inFlight()]).toEqual([['ER_ACCESS_DENIED_ERROR'], 0]);
  });

  it('goes on elsewhere where its server left discovery, unless everything is closed', () => {
    changed('e0');
    search();
    changed('e1');
    poolAt('e0').answer(CLOSED);
    expect(results).toEqual([]);
    poolAt('e1').answer(null, PHYSICAL);
    expect(results).toEqual(['e1']);
    search();
    refusal = CLOSED;
    poolAt('e1').answer(CLOSED);
    expect([results, inFlight()]).toEqual([['e1', 'FAIRLEAD_CLOSED'], 1]);
  });

  it('waits for a server to be found, and no longer than it may', () => {
    changed();
    search();
    search('primary', 300);
    clock.advance(300);
    expect([results, listeners.size]).toEqual([['FAIRLEAD_NO_ENDPOINT'], 1]);
    changed('e1');
    expect(listeners.size).toBe(0);
    // 300 of its 1,000 ms are over.
    expect(poolAt('e1').waiting.map(({ timeoutMs }) => timeoutMs)).toEqual([700]);
    poolAt('e1').answer(null, PHYSICAL);
    clock.advance(5_000);
    expect(results).toEqual(['FAIRLEAD_NO_ENDPOINT', 'e1']);
  });

  it('ends at once where waiting is in vain', () => {
    changed();
    search();
    refusal = new FairleadError('FAIRLEAD_TWO_PRIMARIES', 'two');
    changed();
    search();
    expect(results).toEqual(['FAIRLEAD_TWO_PRIMARIES', 'FAIRLEAD_TWO_PRIMARIES']);
  });

  it('waits for ever where acquireTimeoutMs is 0', () => {
    changed();
    search('replica', 0);
    clock.advance(1e9);
    expect(results).toEqual([]);
    changed('e0');
    expect(poolAt('e0').waiting.map(({ timeoutMs }) => timeoutMs)).toEqual([0]);
  });
});
