import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { RetryThrottler } from '@grpc/grpc-js/build/src/retrying-call.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Call, CallConfigurator } from '../../../../adapters/grpc/calls/call.js';
import { CallGate } from '../../../../adapters/grpc/calls/gate.js';
import { HedgeThrottle } from '../../../../adapters/grpc/calls/hedge-throttle.js';
import { Hedges } from '../../../../adapters/grpc/calls/hedges.js';
import { MethodConfigs, type MethodPlan } from '../../../../adapters/grpc/config/method-configs.js';
import { type GrpcServiceConfig, readServiceConfig } from '../../../../adapters/grpc/config/service-config.js';
import { testMesh } from '../../../support/mesh.js';

const NO_METADATA = new Metadata();

function planOf(method: object, more: object = {}): MethodPlan {
  const config: GrpcServiceConfig = readServiceConfig({ methodConfig: [{ name: [{}], ...method }], ...more }, 'config');
  return new MethodConfigs([config]).get('/a.B/C');
}

/** The metadata of an attempt that comes after so many. */
function after(attempts: number): Metadata {
  const metadata = new Metadata();
  if (attempts > 0) metadata.set('grpc-previous-rpc-attempts', String(attempts));
  return metadata;
}

const hedgingPolicy = { maxAttempts: 3, nonFatalStatusCodes: ['unavailable', 8] };

describe('the throttle of hedges', () => {
  it('counts the tokens of retryThrottling as grpc-js does for retries, whatever the config changes to', () => {
    const event = fc.oneof(
      fc.constantFrom(status.OK, status.UNAVAILABLE, status.RESOURCE_EXHAUSTED, status.NOT_FOUND),
      fc.record({ maxTokens: fc.integer({ min: 1, max: 1_000 }), tokenRatio: fc.integer({ min: 1, max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 100 }), (events) => {
        const { clock } = testMesh({});
        const throttle = new HedgeThrottle(clock);
        let plan = planOf({ hedgingPolicy }, { retryThrottling: { maxTokens: 10, tokenRatio: 1 } });
        let theirs = new RetryThrottler(10, 1);
        for (const each of events) {
          if (typeof each === 'object') {
            plan = planOf({ hedgingPolicy }, { retryThrottling: each });
            theirs = new RetryThrottler(each.maxTokens, each.tokenRatio, theirs);
            throttle.allows(plan);
          } else {
            throttle.attemptEnded(each, plan);
            if (each === status.OK) theirs.addCallSucceeded();
            else if (each !== status.NOT_FOUND) theirs.addCallFailed();
          }
          expect(throttle.allows(plan)).toBe(theirs.canRetryCall());
        }
      }),
    );
  });

  it('lets through 20 % of idempotent calls and 10 per second, over 10 s', () => {
    const { clock } = testMesh({});
    const throttle = new HedgeThrottle(clock);
    const plan = planOf({ idempotent: true });
    let [calls, hedges] = [0, 0];
    for (; calls < 1_000; calls++) {
      throttle.callStarted(plan);
      while (throttle.allows(plan)) hedges++;
    }
    expect(hedges).toBe(100 + 0.2 * 1_000);
    clock.advance(5_000);
    expect(throttle.allows(plan)).toBe(false);
    clock.advance(6_000);
    expect(throttle.allows(plan)).toBe(true);
  });

  it('has no budget for hedges of a policy that was given', () => {
    const { clock } = testMesh({});
    const throttle = new HedgeThrottle(clock);
    const plan = planOf({ hedgingPolicy });
    for (let i = 0; i < 1_000; i++) expect(throttle.allows(plan)).toBe(true);
  });

  it('is the same for all channels to a service', () => {
    const { mesh, clock } = testMesh({ users: [], orders: [] });
    const [users, orders] = [mesh.service('users'), mesh.service('orders')];
    expect(HedgeThrottle.of(users, clock)).toBe(HedgeThrottle.of(users, clock));
    expect(HedgeThrottle.of(users, clock)).not.toBe(HedgeThrottle.of(orders, clock));
  });
});

describe('the attempts of a hedged call', () => {
  /** A throttle that lets so many hedges through. */
  function setUp(hedges: number, plan: MethodPlan = planOf({ idempotent: true })) {
    let left = hedges;
    const throttle = { callStarted: () => {}, attemptEnded: () => {}, allows: () => left-- > 0 };
    return new Hedges(throttle as unknown as HedgeThrottle, plan);
  }
  const unsent = (hedges: Hedges): StatusObject => {
    let told: StatusObject | undefined;
    hedges.endUnsent((ended) => {
      told = ended;
    });
    return told!;
  };
  const allowed = (hedges: Hedges, ...attempts: number[]): boolean[] =>
    attempts.map((each) => hedges.allow(after(each)));

  it('are free for the first, paid for later ones, and free for what grpc-js repeats by itself', () => {
    expect(allowed(setUp(0), 0, 0, 1, 2)).toEqual([true, true, false, false]);
    expect(allowed(setUp(1), 0, 1, 1, 0, 2)).toEqual([true, true, true, true, false]);
  });

  it('are free for the first where the caller passes on the metadata of a call it serves itself', () => {
    expect(allowed(setUp(0), 3, 3)).toEqual([true, true]);
  });

  it('are none of its business where they are retries', () => {
    const retryPolicy = {
      maxAttempts: 3,
      initialBackoff: '1s',
      maxBackoff: '1s',
      backoffMultiplier: 1,
      retryableStatusCodes: [14],
    };
    const plan = planOf({ retryPolicy }, { retryThrottling: { maxTokens: 1, tokenRatio: 1 } });
    expect(allowed(setUp(0, plan), 0, 1, 2)).toEqual([true, true, true]);
  });

  it('end, where they are not sent, by a code that ends no call while others are on their way', () => {
    for (const plan of [
      planOf({ idempotent: true }),
      planOf({ hedgingPolicy }),
      planOf({ hedgingPolicy: { maxAttempts: 2 } }),
    ]) {
      const { code } = unsent(setUp(0, plan));
      expect(code).not.toBe(status.OK);
      const codes = plan.config.hedgingPolicy!.nonFatalStatusCodes!;
      expect(codes.some((each) => each === code || String(each).toUpperCase() === status[code])).toBe(true);
    }
  });

  it('end, where they are not sent, not before the last that is on its way, and as that did', () => {
    const hedges = setUp(0);
    const told: string[] = [];
    hedges.picked();
    hedges.picked();
    hedges.endUnsent(({ details }) => told.push(details));
    hedges.endUnsent(({ details }) => told.push(details));
    hedges.ended(status.UNAVAILABLE, 'the first', NO_METADATA);
    hedges.left();
    expect(told).toEqual([]);
    hedges.ended(status.UNAVAILABLE, 'the last', NO_METADATA);
    hedges.left();
    expect(told).toEqual(['the last', 'the last']);
  });

  it('end, where they are not sent after one that failed, as that did, without its word on when to repeat', () => {
    const hedges = setUp(0);
    const trailers = new Metadata();
    trailers.set('grpc-retry-pushback-ms', '1000');
    trailers.set('reason', 'overload');
    hedges.ended(status.UNAVAILABLE, 'no room', trailers);
    const { code, details, metadata } = unsent(hedges);
    expect([code, details, metadata.getMap()]).toEqual([status.UNAVAILABLE, 'no room', { reason: 'overload' }]);
    expect(trailers.get('grpc-retry-pushback-ms')).toEqual(['1000']);
    hedges.ended(status.OK, '', NO_METADATA);
    expect(unsent(hedges).details).toBe('no room');
  });
});

describe('a call that forwards the metadata of another one', () => {
  const forwarded = (): Metadata => {
    const metadata = after(7);
    metadata.set('grpc-timeout', '0m');
    metadata.set('x-user', 'ada');
    return metadata;
  };
  const configurator = (): CallConfigurator => {
    const config = readServiceConfig({ methodConfig: [{ name: [{}], idempotent: true }] }, 'config');
    const { clock } = testMesh({});
    const throttles = { throttle: new HedgeThrottle(clock) };
    return new CallConfigurator(new MethodConfigs([config]), undefined, throttles, new CallGate(clock));
  };

  it('does not send on what speaks of the other call', () => {
    const metadata = forwarded();
    configurator().invoke('/a.B/C', metadata);
    expect(metadata.getMap()).toEqual({ 'x-user': 'ada' });
  });

  it('is hedged within the budget all the same', () => {
    const calls = configurator();
    let sent = 0;
    for (let i = 0; i < 200; i++) {
      const metadata = forwarded();
      const call = calls.invoke('/a.B/C', metadata) as Call;
      for (let attempts = 0; attempts < 3; attempts++) {
        if (attempts > 0) metadata.set('grpc-previous-rpc-attempts', String(attempts));
        if (call.refuse(metadata) === undefined) sent++;
      }
    }
    expect(sent).toBe(200 + 100 + 0.2 * 200);
  });
});
