import { customCheck, endpointControl, Outcome } from 'fairlead';
import { meshFigures } from 'fairlead/monitor';
import { describe, expect, it } from 'vitest';
import { prepareMesh } from '../../src/mesh.js';
import { endpoints, testMesh } from '../support/mesh.js';

function start(count = 3) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'round_robin' });
  const rotation = (): string[] => {
    test.clock.advance(100);
    return service.rotation.map(({ spec }) => spec.id);
  };
  const stateOf = (id: string) => service.endpoints.find(({ spec }) => spec.id === id)?.state;
  return { ...test, service, control: endpointControl(service), rotation, stateOf };
}

describe('an endpoint that is drained by hand', () => {
  it('gets no new calls, finishes those it has, and stays a member', () => {
    const { service, control, rotation, stateOf } = start();
    const lease = service.acquire({ prefer: 'e1' });
    control.drain('e1');
    expect(rotation()).toEqual(['e0', 'e2']);
    expect([stateOf('e1'), lease.endpoint.inflight]).toEqual(['unhealthy', 1]);
    lease.done(Outcome.Success);
    expect(service.endpoints.map(({ spec }) => spec.id)).toEqual(['e0', 'e1', 'e2']);
  });

  it('is not used in panic either', () => {
    const { service, control, rotation } = start();
    for (let i = 0; i < 5; i++) service.acquire({ prefer: 'e2' }).done(Outcome.ConnectFailure);
    control.drain('e0');
    control.drain('e1');
    expect(rotation()).toEqual(['e2']);
  });

  it('comes back by itself when its time is over, and by restore', () => {
    const { clock, control, rotation } = start();
    control.drain('e0', { forMs: 60_000, by: 'mara', reason: 'new disk' });
    control.drain('e1', { forMs: 600_000 });
    expect(control.holds).toMatchObject([
      { id: 'e0', how: 'drain', by: 'mara', reason: 'new disk', sinceMs: 1_000, untilMs: 61_000 },
      { id: 'e1', how: 'drain' },
    ]);
    clock.advance(59_000);
    expect(rotation()).toEqual(['e2']);
    clock.advance(1_000);
    expect(rotation()).toEqual(['e0', 'e2']);
    expect(control.restore('e1')).toBe(true);
    expect(control.restore('e1')).toBe(false);
    expect(rotation()).toEqual(['e0', 'e1', 'e2']);
    expect(control.holds).toEqual([]);
  });

  it('stays drained while discovery lists it anew, leaves it out and lists it again', () => {
    const { resolver, control, rotation } = start();
    control.drain('e0');
    resolver.update('users', endpoints(3, { weight: 2 }));
    expect(rotation()).toEqual(['e1', 'e2']);
    resolver.update('users', endpoints(3).slice(1));
    resolver.update('users', endpoints(3));
    expect(rotation()).toEqual(['e1', 'e2']);
  });

  it('says in the figures that a hand did it', () => {
    const { mesh, control } = start();
    using figures = meshFigures(mesh);
    control.drain('e0');
    expect(figures.read().services[0]!.endpoints[0]).toMatchObject({ state: 'unhealthy', reason: 'drained by hand' });
  });
});

describe('an endpoint that is ejected by hand', () => {
  it('is out as by a signal, and one call decides about its return', () => {
    const { service, clock, control, rotation, stateOf } = start();
    const events: unknown[] = [];
    service.on('ejected', ({ endpoint, signal, forMs }) => events.push([endpoint.spec.id, signal, forMs]));
    control.eject('e1', { forMs: 20_000 });
    expect([events, rotation(), stateOf('e1')]).toEqual([[['e1', 'by_hand', 20_000]], ['e0', 'e2'], 'ejected']);
    clock.advance(20_000);
    expect(stateOf('e1')).toBe('probing');
    service.acquire().done(Outcome.Failure);
    expect(stateOf('e1')).toBe('ejected');
    clock.advance(30_000);
    service.acquire().done(Outcome.Success);
    expect([stateOf('e1'), control.holds]).toEqual(['ready', []]);
  });

  it('is restored at once, and so is one that a signal ejected', () => {
    const { service, control, stateOf } = start();
    control.eject('e0');
    expect(control.restore('e0')).toBe(true);
    for (let i = 0; i < 5; i++) service.acquire({ prefer: 'e2' }).done(Outcome.Failure);
    expect([stateOf('e0'), stateOf('e2')]).toEqual(['ready', 'ejected']);
    expect(control.restore('e2')).toBe(true);
    expect(stateOf('e2')).toBe('ready');
  });

  it('stays within the cap, which says so, and goes only where it is in use', () => {
    const { control, stateOf } = start(2);
    control.eject('e0');
    expect(() => control.eject('e1')).toThrow(/maxEjectionRatio/);
    expect(() => control.eject('e0')).toThrow(/it is ejected/);
    expect(stateOf('e1')).toBe('ready');
  });

  it('stays ejected where the options of the service change', async () => {
    const { mesh, clock, control, stateOf } = start(5);
    control.eject('e0', { forMs: 60_000 });
    const change = await prepareMesh(mesh, { services: { users: { panicThreshold: 0 } } }, 1_000);
    change.swap();
    change.settle();
    control.eject('e1', { forMs: 60_000 });
    clock.advance(59_000);
    expect([stateOf('e0'), stateOf('e1')]).toEqual(['ejected', 'ejected']);
  });
});

describe('an endpoint that is ejected by hand and known to be well', () => {
  it('stays out for its time, whatever its checks and the probes of an adapter say', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    const check = customCheck({ ask: () => Promise.resolve(), intervalMs: 1_000, clearsEjection: true });
    const service = mesh.service('users', { policy: 'round_robin', checks: [check] });
    const control = endpointControl(service);
    const [e0, e1] = service.endpoints;
    control.eject('e0', { forMs: 60_000 });
    for (let i = 0; i < 5; i++) service.acquire({ prefer: 'e1' }).done(Outcome.ConnectFailure);
    expect(e1!.state).toBe('ready');
    await clock.advanceAsync(3_000);
    service.reportRecovered(e0!);
    expect([e0!.state, control.holds.length]).toEqual(['ejected', 1]);
    await clock.advanceAsync(57_000);
    service.reportRecovered(e0!);
    expect(e0!.state).toBe('ready');
  });
});

describe('what is done by hand', () => {
  it('ends with its service, and leaves no timer behind', async () => {
    const { mesh, clock, control } = start();
    control.drain('e0');
    control.eject('e1');
    await mesh.close();
    expect([control.holds, clock.pending]).toEqual([[], 0]);
  });

  it('is refused for endpoints that there are not, for bad options, and for a closed service', async () => {
    const { mesh, service, control } = start();
    expect(() => control.drain('nobody')).toThrow(expect.objectContaining({ code: 'FAIRLEAD_NO_ENDPOINT' }));
    expect(() => control.restore('nobody')).toThrow(expect.objectContaining({ code: 'FAIRLEAD_NO_ENDPOINT' }));
    expect(() => control.drain('e0', { forMs: 1 })).toThrow(/endpointControl\.drain\.forMs is 1: allowed is/);
    expect(() => control.eject('e0', { for: 1 } as never)).toThrow(/endpointControl\.eject\.for/);
    expect(() => endpointControl({} as never)).toThrow(/a service of a mesh/);
    await mesh.close();
    expect(() => control.drain('e0')).toThrow(expect.objectContaining({ code: 'FAIRLEAD_CLOSED' }));
    expect(endpointControl(service)).toBe(control);
  });
});
