import { createMesh, type Resolver } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { noServer } from '../../../../adapters/mysql/cluster/refusals.js';
import { Replication } from '../../../../adapters/mysql/cluster/replication.js';

/** What is said where a resolver has told this much. */
function saidAfter(tell: (sink: Parameters<Resolver['watch']>[1]) => void, probeError?: Error): Error {
  const resolver: Resolver = { name: 'test', watch: (_query, sink) => tell(sink) };
  const service = createMesh({ resolver, clock: new ManualClock() }).service('mysql');
  return noServer(service, new Replication(), 'primary', () => probeError);
}

describe('that there is no server', () => {
  it('is not put down to a registry that never answered', () => {
    expect(saidAfter(() => {}).message).toBe(
      "No primary of service 'mysql' to run this on: discovery has not answered yet.",
    );
    const down = new Error('Consul at 127.0.0.1:8500: connection refused');
    const error = saidAfter((sink) => sink.error(down));
    expect(error.message).toContain('discovery has not answered (Consul at 127.0.0.1:8500: connection refused)');
    expect(error.cause).toBe(down);
  });

  it('is, where the registry said so', () => {
    expect(saidAfter((sink) => sink.snapshot([], '1')).message).toContain('discovery lists no server');
  });

  it('names those that the registry says are not well', () => {
    const spec = { host: '127.0.0.1', port: 1, weight: 1, priority: 0, zone: '', tags: [], meta: {} };
    const error = saidAfter((sink) => sink.snapshot([{ ...spec, id: 'db0', healthy: false }], '1'));
    expect(error.message).toContain('db0 is unknown and unhealthy in the registry');
  });

  it('says what the latest look at each failed with', () => {
    const spec = { host: 'db.internal', port: 1, weight: 1, priority: 0, zone: '', tags: [], meta: {} };
    const missing = new Error('getaddrinfo ENOTFOUND db.internal');
    const error = saidAfter((sink) => sink.snapshot([{ ...spec, id: 'db0' }], '1'), missing);
    expect(error.message).toBe(
      "No primary of service 'mysql' to run this on: db0 is unknown (getaddrinfo ENOTFOUND db.internal).",
    );
    expect(error.cause).toBe(missing);
  });
});
