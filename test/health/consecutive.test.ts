import { connectFailures, consecutiveFailures, Outcome, outlierDetection } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { drive, ejections, failing, ids } from '../support/drive.js';
import { endpoints, testMesh } from '../support/mesh.js';

const only = (id: string, outcome: Outcome) => (each: string) => (each === id ? outcome : Outcome.Success);

describe('consecutive_failures', () => {
  it('counts to five, whatever answers come between from others', () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin', health: [consecutiveFailures()] });
    const seen = ejections(service);
    drive(service, 8, only('e0', Outcome.Failure));
    expect(seen).toEqual([]);
    drive(service, 2, only('e0', Outcome.Failure));
    expect(ids(seen)).toEqual(['e0']);
    expect(seen[0]!.evidence).toEqual({ failures: 5, timeouts: 0, threshold: 5 });
  });

  it.each([Outcome.ApplicationError, Outcome.Overloaded])('never ejects for outcome %d', (outcome) => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin' });
    const seen = ejections(service);
    drive(service, 100, only('e0', outcome));
    expect(seen).toEqual([]);
  });

  it('ejects for timeouts only where another answers in time', () => {
    const run = (outcomeOf: (id: string) => Outcome): string[] => {
      const { mesh } = testMesh({ users: endpoints(2) });
      const service = mesh.service('users', { policy: 'round_robin' });
      const seen = ejections(service);
      drive(service, 40, outcomeOf);
      return ids(seen);
    };
    expect(run(only('e0', Outcome.Timeout))).toEqual(['e0']);
    expect(run(() => Outcome.Timeout)).toEqual([]);
  });

  it('ejects a server whose calls all expired together, once the others have answered five times each', () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin' });
    const seen = ejections(service);
    const hung = Array.from({ length: 20 }, () => service.acquire()).filter((lease) => lease.endpoint.spec.id === 'e0');
    for (const lease of hung) lease.done(Outcome.Timeout);
    const answer = (): void => {
      const lease = service.acquire({ tried: [hung[0]!.endpoint] });
      lease.done(Outcome.Success);
    };
    for (let i = 0; i < 9; i++) answer();
    expect(seen).toEqual([]);
    answer();
    expect(ids(seen)).toEqual(['e0']);
  });

  it('acquits a server that answers before that, as after an outage of all', () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin' });
    const seen = ejections(service);
    drive(service, 20, () => Outcome.Timeout);
    drive(service, 40);
    expect(seen).toEqual([]);
  });

  it('lets each ejection last longer, up to the maximum, and forgets one per base period in service', () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const health = [consecutiveFailures({ jitterRatio: 0, maxEjectionMs: 100_000 })];
    const service = mesh.service('users', { policy: 'round_robin', health });
    const seen = ejections(service);
    drive(service, 10, only('e0', Outcome.Failure));
    for (let i = 0; i < 4; i++) {
      clock.advance(100_000);
      drive(service, 1, only('e0', Outcome.Failure));
    }
    expect(seen.map(({ forMs }) => forMs)).toEqual([30_000, 60_000, 90_000, 100_000, 100_000]);
    clock.advance(100_000);
    drive(service, 1);
    clock.advance(5 * 30_000);
    drive(service, 10, only('e0', Outcome.Failure));
    expect(seen.at(-1)!.forMs).toBe(30_000);
  });
});

describe('connect_failures', () => {
  it('ejects who cannot be reached so many times in a row; a failed call ends the row', () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin', health: [connectFailures({ failures: 3 })] });
    const seen = ejections(service);
    drive(service, 4, only('e0', Outcome.ConnectFailure));
    drive(service, 2, only('e0', Outcome.Failure));
    drive(service, 4, only('e0', Outcome.ConnectFailure));
    expect(seen).toEqual([]);
    drive(service, 2, only('e0', Outcome.ConnectFailure));
    expect(ids(seen)).toEqual(['e0']);
    expect(seen[0]!.signal).toBe('connect_failures');
  });
});

describe('outlierDetection', () => {
  it('gives the three signals that are on by default, and those asked for', () => {
    const names = (signals: ReturnType<typeof outlierDetection>): string[] => signals.map(({ name }) => name);
    expect(names(outlierDetection())).toEqual(['consecutive_failures', 'connect_failures', 'success_rate']);
    const all = outlierDetection({ failurePercentage: true, latency: { factor: 5 }, successRate: false });
    expect(names(all)).toEqual(['consecutive_failures', 'connect_failures', 'failure_percentage', 'latency_outliers']);
  });

  it('hands shared times on to every signal that sets none', () => {
    const health = outlierDetection({
      baseEjectionMs: 1_000,
      jitterRatio: 0,
      intervalMs: 500,
      consecutiveFailures: { failures: 3, baseEjectionMs: 2_000 },
      connectFailures: false,
      successRate: { requestVolume: 10 },
    });
    const { mesh, clock } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { policy: 'round_robin', health });
    const seen = ejections(service);
    drive(service, 100, failing({ e1: 0.5 }));
    clock.advance(500);
    expect(seen.map(({ signal, forMs }) => [signal, forMs])).toEqual([['success_rate', 1_000]]);
    drive(service, 12, only('e2', Outcome.Failure));
    expect(seen.at(-1)).toMatchObject({ signal: 'consecutive_failures', forMs: 2_000 });
  });

  it('names the option it refuses', () => {
    expect(() => outlierDetection({ successRate: { stdevFactor: -1 } })).toThrow(/success_rate\.stdevFactor is -1/);
    expect(() => outlierDetection({ latency: 3 as never })).toThrow(/outlierDetection\.latency is 3/);
    expect(() => outlierDetection({ sucessRate: true } as never)).toThrow(
      /outlierDetection\.sucessRate is not an option/,
    );
  });
});
