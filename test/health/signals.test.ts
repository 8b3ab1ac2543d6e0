import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type Endpoint, Outcome } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { consecutiveFailures } from '../../src/health/consecutive-failures.js';
import { failurePercentage } from '../../src/health/failure-percentage.js';
import { tcpCheck } from '../../src/health/tcp-check.js';

const named = (id: string): Endpoint => ({ spec: { id }, state: 'ready' }) as unknown as Endpoint;
const [a, b, c] = [named('a'), named('b'), named('c')];

/** What a tracker does with the endpoints of a service of three. */
function watched(create: (context: never) => unknown) {
  const clock = new ManualClock();
  const ejected: unknown[][] = [];
  const tracker = create({
    clock,
    members: () => [a, b, c],
    nextEjectionMs: () => 777,
    eject: ({ spec }: Endpoint, ...why: unknown[]) => ejected.push([spec.id, ...why]),
  } as never) as {
    record(endpoint: Endpoint, outcome: Outcome, latencyMs: number): number;
    explain(endpoint: Endpoint): unknown;
    grounds(endpoint: Endpoint): string;
    probed(endpoint: Endpoint, ok: boolean): number;
    confirmed(endpoint: Endpoint): void;
    forget(endpoint: Endpoint): void;
  };
  const record = (endpoint: Endpoint, outcome: Outcome, times: number): number[] =>
    Array.from({ length: times }, () => tracker.record(endpoint, outcome, 1));
  return { clock, ejected, tracker, record };
}

describe('failures in a row', () => {
  const make = (options = {}) => watched(consecutiveFailures({ failures: 3, ...options }).create as never);

  it('eject at the limit, and an answer ends them', () => {
    const { record, tracker } = make();
    expect(record(a, Outcome.Failure, 2)).toEqual([0, 0]);
    record(a, Outcome.ApplicationError, 1);
    expect(record(a, Outcome.Failure, 3)).toEqual([0, 0, 777]);
    expect(tracker.explain(a)).toEqual({ failures: 3, timeouts: 0, threshold: 3 });
    expect(tracker.explain(b)).toEqual({ failures: 0, timeouts: 0, threshold: 3 });
  });

  it('go on over what was cancelled', () => {
    const { record } = make();
    record(a, Outcome.Failure, 2);
    expect(record(a, Outcome.Cancelled, 1)).toEqual([0]);
    expect(record(a, Outcome.Failure, 1)).toEqual([777]);
  });

  it('count connections that failed where that is wanted', () => {
    expect(make().record(a, Outcome.ConnectFailure, 3)).toEqual([0, 0, 777]);
    const { record, tracker } = make({ countConnectFailures: false });
    expect(record(a, Outcome.ConnectFailure, 9)).toEqual(Array(9).fill(0));
    expect(record(a, Outcome.Failure, 3)).toEqual([0, 0, 777]);
    expect(tracker.grounds(a)).toBe('answers');
  });

  it('count timeouts only where another answered since', () => {
    const { record } = make();
    expect(record(a, Outcome.Timeout, 9)).toEqual(Array(9).fill(0));
    record(b, Outcome.Success, 1);
    expect(record(a, Outcome.Timeout, 1)).toEqual([777]);
    const other = make();
    other.record(b, Outcome.Success, 1);
    expect(other.record(a, Outcome.Timeout, 3)).toEqual([0, 0, 0]);
  });

  it('of timeouts alone eject once the others answered three times each', () => {
    const { record, ejected } = make();
    record(a, Outcome.Timeout, 2);
    record(b, Outcome.Success, 9);
    expect(ejected).toEqual([]);
    const { record: on, ejected: out } = make();
    on(a, Outcome.Timeout, 3);
    on(b, Outcome.Success, 8);
    expect(out).toEqual([]);
    on(b, Outcome.Success, 1);
    expect(out).toEqual([['a', 777, { failures: 3, timeouts: 3, threshold: 3 }, 'unreachable']]);
    on(b, Outcome.Success, 20);
    expect(out).toHaveLength(1);
  });

  it('are the fault of the network where most had no answer', () => {
    const { record, tracker } = make();
    expect(tracker.grounds(a)).toBe('answers');
    record(a, Outcome.Failure, 2);
    record(a, Outcome.Timeout, 1);
    record(a, Outcome.ConnectFailure, 1);
    expect(tracker.grounds(a)).toBe('answers');
    record(a, Outcome.ConnectFailure, 1);
    expect(tracker.grounds(a)).toBe('unreachable');
  });

  it('are forgotten with a probe, a confirmation, or the endpoint', () => {
    for (const end of ['probed', 'confirmed', 'forget'] as const) {
      const { record, tracker, ejected } = make();
      record(a, Outcome.Timeout, 3);
      if (end === 'probed') expect([tracker.probed(a, false), tracker.probed(a, true)]).toEqual([777, 0]);
      else tracker[end](a);
      expect(tracker.explain(a)).toMatchObject({ failures: 0 });
      record(b, Outcome.Success, 20);
      expect(ejected).toEqual([]);
    }
  });
});

describe('a share of failures', () => {
  const make = (options = {}) =>
    watched(
      failurePercentage({ threshold: 0.5, requestVolume: 4, minimumHosts: 3, intervalMs: 1_000, ...options })
        .create as never,
    );
  /** So many calls of each, and how many of them failed. */
  const judge = (failures: readonly number[], calls = 4, options = {}): unknown[] => {
    const { record, ejected, clock } = make(options);
    [a, b, c].forEach((endpoint, i) => {
      if (failures[i] === undefined) return;
      record(endpoint, Outcome.Failure, failures[i]);
      record(endpoint, Outcome.Success, calls - failures[i]);
    });
    clock.advance(1_000);
    return ejected.map(([id]) => id);
  };

  it('ejects those at the threshold, the worst first', () => {
    expect(judge([2, 1, 4])).toEqual(['c', 'a']);
    expect(judge([1, 1, 1])).toEqual([]);
  });

  it('judges none with too few calls, and nobody where too few are left', () => {
    expect(judge([3, 3, 3], 3)).toEqual([]);
    expect(judge([4, 4])).toEqual([]);
    expect(judge([4, 4], 4, { minimumHosts: 2 })).toEqual(['a', 'b']);
  });

  it('compares few where that is wanted and one of them is well', () => {
    expect(judge([4, 0], 4, { compareFew: true })).toEqual(['a']);
    expect(judge([4, 2], 4, { compareFew: true })).toEqual([]);
    expect(judge([4, 0], 4, { compareFew: false })).toEqual([]);
  });

  it('says what it saw', () => {
    const { record, ejected, clock } = make({ minimumHosts: 1 });
    record(a, Outcome.Timeout, 3);
    record(a, Outcome.Success, 1);
    clock.advance(1_000);
    expect(ejected).toEqual([['a', 777, { failureRatio: 0.75, threshold: 0.5, calls: 4, hosts: 1 }, 'unreachable']]);
  });
});

describe('a check by TCP', () => {
  const ask = (port: number, options = {}, signal = new AbortController().signal): Promise<unknown> =>
    Promise.resolve(tcpCheck(options).ask({ host: '127.0.0.1', port } as never, signal));
  const listening = async (): Promise<{ port: number; ended: () => Promise<unknown> }> => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const closed = once(server, 'connection').then(([socket]) => once(socket.resume(), 'close'));
    return { port: (server.address() as AddressInfo).port, ended: () => closed };
  };

  it('passes when a connection comes to be, and hangs up', async () => {
    const { port, ended } = await listening();
    await ask(port);
    await ended();
  });

  it('asks at another port where one is given', async () => {
    const { port } = await listening();
    await ask(1, { port });
    expect([tcpCheck({ port }).identity, tcpCheck().identity]).toEqual([`tcp ${port}`, 'tcp ']);
  });

  it('fails where nothing listens, or when its time is over', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(ask(port, {}, AbortSignal.abort(new Error('its time is over')))).rejects.toThrow('its time is over');
  });
});
