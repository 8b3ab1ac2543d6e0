import { Metadata, status } from '@grpc/grpc-js';
import { Outcome, type ServiceOptions, type Subset } from 'fairlead';
import { outcomeName } from 'fairlead/adapter';
import { describe, expect, it } from 'vitest';
import type { Attempt, Connection } from '../../../../adapters/grpc/calls/attempt.js';
import { Call } from '../../../../adapters/grpc/calls/call.js';
import { LiveAttempts } from '../../../../adapters/grpc/calls/live-attempts.js';
import { PendingAttempts } from '../../../../adapters/grpc/calls/pending-attempts.js';
import { ConnectedPicker, type PickableConnection } from '../../../../adapters/grpc/calls/picker.js';
import { outcomeOf } from '../../../../adapters/grpc/common/status.js';
import { type MethodPlan, NO_PLAN } from '../../../../adapters/grpc/config/method-configs.js';
import { endpoints, testMesh } from '../../../support/mesh.js';

const NO_METADATA = new Metadata();
const PLAN: MethodPlan = NO_PLAN;
const HEDGED: MethodPlan = { ...PLAN, hedged: true };

class TestConnection implements PickableConnection {
  subchannel: Connection['subchannel'] = {} as never;
  authority = undefined;
  connection = 0;
  streams = 0;
  #reported = -1;
  roomiest(): this {
    return this;
  }
  reportLoss(connection: number): boolean {
    const first = this.#reported < connection;
    this.#reported = connection;
    return first;
  }
}

function setUp(count = 3, options: ServiceOptions = {}) {
  const { mesh, clock } = testMesh({ users: endpoints(count) });
  const service = mesh.service('users', { policy: 'round_robin', ...options });
  const leaves = new Map(service.endpoints.map((endpoint) => [endpoint, new TestConnection()]));
  const subset: Subset = service.subset({ usable: (endpoint) => leaves.get(endpoint)?.subchannel !== undefined });
  const pending = new PendingAttempts(clock);
  const picker = new ConnectedPicker({
    subsets: { of: () => subset },
    leaves,
    pending,
    live: new LiveAttempts(),
    classify: undefined,
    reportsPerCall: true,
    isComing: () => false,
    settle: () => {},
    authority: 'users',
  });
  const pick = (call = new Call(undefined, PLAN)): Attempt =>
    picker.pick({ metadata: NO_METADATA, extraPickInfo: call as never }) as Attempt;
  const inflight = (): number => service.endpoints.reduce((sum, endpoint) => sum + endpoint.inflight, 0);
  return { service, clock, leaves, pick, picker, inflight };
}

describe('an attempt', () => {
  it('is in flight from the pick until the call ends', () => {
    const { pick, inflight } = setUp();
    const attempts = [pick(), pick(), pick()];
    expect(inflight()).toBe(3);
    for (const attempt of attempts) {
      attempt.onCallStarted();
      attempt.onCallEnded(status.OK, '', NO_METADATA);
    }
    expect(inflight()).toBe(0);
  });

  it('that never starts is let go of within two sweeps, and no started one is', () => {
    const { pick, clock, inflight } = setUp();
    const started = pick();
    started.onCallStarted();
    pick();
    pick();
    expect(inflight()).toBe(3);
    clock.advance(4_000);
    expect(inflight()).toBe(1);
    clock.advance(3_600_000);
    expect(inflight()).toBe(1);
    started.onCallEnded(status.OK, '', NO_METADATA);
    expect(inflight()).toBe(0);
  });

  it('that starts after it was let go of does no harm', () => {
    const { pick, clock, inflight } = setUp();
    const late = pick();
    clock.advance(10_000);
    late.onCallStarted();
    late.onCallEnded(status.OK, '', NO_METADATA);
    expect(inflight()).toBe(0);
  });

  it('is let go of at once when the same call is picked again, and its endpoint was not tried', () => {
    const { pick, inflight } = setUp();
    const call = new Call(undefined, PLAN);
    const first = pick(call);
    const second = pick(call);
    expect(inflight()).toBe(1);
    expect(call.tried).toBeUndefined();
    second.onCallStarted();
    second.onCallEnded(status.UNAVAILABLE, '', NO_METADATA);
    const third = pick(call);
    expect(call.tried).toEqual([second.endpoint]);
    expect(third.endpoint).not.toBe(second.endpoint);
    expect(first.pending).toBe(false);
  });

  it('counts on its connection until it ends or is let go of, once', () => {
    const { pick, clock, leaves } = setUp(1);
    const [connection] = leaves.values();
    const [ends, abandoned] = [pick(), pick()];
    expect(connection!.streams).toBe(2);
    ends.onCallStarted();
    ends.onCallEnded(status.OK, '', NO_METADATA);
    expect(connection!.streams).toBe(1);
    clock.advance(10_000);
    abandoned.onCallEnded(status.OK, '', NO_METADATA);
    expect(connection!.streams).toBe(0);
  });

  it('of a hedged call may be on its way while the next is picked', () => {
    const { pick, inflight } = setUp();
    const call = new Call(undefined, HEDGED);
    const attempts = [pick(call), pick(call), pick(call)];
    expect(new Set(attempts.map(({ endpoint }) => endpoint)).size).toBe(3);
    expect(inflight()).toBe(3);
  });

  it('of a hedged call does not move its session, one that repeats a failed attempt does', () => {
    const { pick } = setUp(3, { affinity: true });
    const home = pick(new Call('ada', PLAN)).endpoint;
    const hedged = new Call('ada', HEDGED);
    const attempts = [pick(hedged), pick(hedged)];
    expect(attempts[0]!.endpoint).toBe(home);
    expect(attempts[1]!.endpoint).not.toBe(home);
    expect(pick(new Call('ada', PLAN)).endpoint).toBe(home);
    const retried = new Call('ada', PLAN);
    for (let attempt = 0; attempt < 2; attempt++) {
      const next = pick(retried);
      next.onCallStarted();
      next.onCallEnded(status.UNAVAILABLE, '', NO_METADATA);
    }
    expect(pick(new Call('ada', PLAN)).endpoint).not.toBe(home);
  });

  it('of a hedged call that another attempt overtook counts as a timeout, the newest one as nothing', () => {
    const { pick, service } = setUp();
    const call = new Call(undefined, HEDGED);
    const [first, second] = [pick(call), pick(call)];
    const discarded = 'Discarded in favor of other hedged attempt';
    for (const attempt of [first, second]) attempt.onCallEnded(status.CANCELLED, discarded, NO_METADATA);
    const failures = (attempt: Attempt): number => attempt.endpoint.failures;
    expect([failures(first), failures(second)]).toEqual([1, 0]);
    expect(service.endpoints.reduce((sum, endpoint) => sum + endpoint.failures, 0)).toBe(1);
  });

  it('that dies with its connection counts against the endpoint once per connection', () => {
    const { pick, service, leaves } = setUp(1);
    const [endpoint] = service.endpoints;
    for (let connection = 0; connection < 3; connection++) {
      const attempts = [pick(), pick(), pick(), pick()];
      leaves.get(endpoint!)!.connection++;
      for (const attempt of attempts) attempt.onCallEnded(status.UNAVAILABLE, 'Connection dropped', NO_METADATA);
      expect(endpoint!.failures).toBe(connection + 1);
    }
  });
});

describe('the picker', () => {
  it('never throws, whatever the core throws', () => {
    const broken = {
      acquire: () => {
        throw new Error('broken');
      },
    } as never as Subset;
    const picker = new ConnectedPicker({
      subsets: { of: () => broken },
      leaves: new Map(),
      pending: new PendingAttempts(testMesh({}).clock),
      live: new LiveAttempts(),
      classify: undefined,
      reportsPerCall: true,
      isComing: () => false,
      settle: () => {},
      authority: 'users',
    });
    const result = picker.pick({ metadata: NO_METADATA, extraPickInfo: {} });
    expect(result.status).toMatchObject({ code: status.UNAVAILABLE, details: 'broken' });
  });

  it('queues a call whose endpoint lost its connection this moment', () => {
    const { pick, leaves, inflight } = setUp(1);
    for (const leaf of leaves.values()) leaf.subchannel = undefined;
    expect(pick().pickResultType).toBe(1);
    expect(inflight()).toBe(0);
  });
});

describe('outcomeOf', () => {
  it('judges every status code', () => {
    const codes = Array.from({ length: 17 }, (_, code) => code as status);
    const by = (name: string): string[] =>
      codes.filter((code) => outcomeName(outcomeOf(code)) === name).map((code) => status[code]!);
    const names = [...new Set(codes.map((code) => outcomeName(outcomeOf(code))))];
    expect(Object.fromEntries(names.map((name) => [name, by(name)]))).toEqual({
      success: ['OK'],
      cancelled: ['CANCELLED'],
      timeout: ['DEADLINE_EXCEEDED'],
      overloaded: ['RESOURCE_EXHAUSTED'],
      failure: ['UNKNOWN', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
      application_error: [
        'INVALID_ARGUMENT',
        'NOT_FOUND',
        'ALREADY_EXISTS',
        'PERMISSION_DENIED',
        'FAILED_PRECONDITION',
        'ABORTED',
        'OUT_OF_RANGE',
        'UNIMPLEMENTED',
        'UNAUTHENTICATED',
      ],
    });
    expect(outcomeOf(99 as status)).toBe(Outcome.ApplicationError);
  });
});
