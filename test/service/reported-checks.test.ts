import { beforeEach, describe, expect, it } from 'vitest';
import type { CheckEvent, Endpoint, Service } from '../../src/index.js';
import { endpoints, type TestMesh, testMesh } from '../support/mesh.js';

let test: TestMesh;
let service: Service;
let events: string[];
const [first, second] = [{}, {}];

const endpoint = (): Endpoint => service.endpoints[0]!;
const report = (by: object, healthy: boolean | undefined): void => {
  service.reportCheck(endpoint(), { by, check: 'own', healthy, reason: healthy ? undefined : new Error('no answer') });
  test.clock.advance(100);
};
const rotation = (): string[] => service.rotation.map(({ spec }) => spec.id);

beforeEach(() => {
  test = testMesh({ db: endpoints(3) });
  service = test.mesh.service('db');
  events = [];
  service.on('checked', ({ endpoint: { spec }, check, healthy, reason }: CheckEvent) => {
    events.push(`${spec.id} ${check} ${healthy ? 'well' : reason?.message}`);
  });
});

describe('what an adapter finds out by looking itself', () => {
  it('takes an endpoint out of the rotation until the adapter says otherwise', () => {
    report(first, false);
    report(first, false);
    expect([endpoint().state, rotation()]).toEqual(['unhealthy', ['e1', 'e2']]);
    report(first, true);
    report(first, true);
    expect([endpoint().state, rotation()]).toEqual(['ready', ['e0', 'e1', 'e2']]);
    expect(events).toEqual(['e0 own no answer', 'e0 own well']);
  });

  it('is each reporter’s own: one is enough, and takes back only what it said', () => {
    report(first, false);
    report(second, true);
    expect(endpoint().state).toBe('unhealthy');
    report(second, false);
    report(first, true);
    expect(endpoint().state).toBe('unhealthy');
    report(second, true);
    expect(endpoint().state).toBe('ready');
  });

  it('is void once the adapter looks no more, which is no news of the endpoint', () => {
    report(first, false);
    report(first, undefined);
    report(first, undefined);
    expect([endpoint().state, events]).toEqual(['ready', ['e0 own no answer']]);
  });

  it('does not outlive an endpoint that left discovery', () => {
    const gone = endpoint();
    report(first, false);
    test.resolver.update('db', endpoints(3).slice(1));
    service.reportCheck(gone, { by: first, check: 'own', healthy: undefined });
    test.resolver.update('db', endpoints(3));
    test.clock.advance(100);
    expect([endpoint().state, rotation()]).toEqual(['ready', ['e0', 'e1', 'e2']]);
  });
});
