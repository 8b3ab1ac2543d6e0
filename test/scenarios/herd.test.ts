import { leastRequest, type Policy, roundRobin } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { Aperture } from '../../src/endpoint/rotation/aperture.js';

const CLIENTS = 10_000;
const SIZE = 12;
const CALLS = 48;

interface Herd {
  /** Clients that use it and load over the mean, of each endpoint in service. */
  readonly clients: readonly number[];
  readonly loads: readonly number[];
  /** Endpoints that a client uses, at most. */
  readonly widest: number;
}

/**
 * Each of the clients chooses its endpoints by its place among them, knows nothing of the others,
 * and makes calls that stay in progress, by a picker of its own. `sick` says which endpoints every
 * client has ejected.
 */
function herd(endpoints: number, policy: Policy, sick: (index: number) => boolean = () => false): Herd {
  const members = fakeEndpoints(endpoints).map((spec, i) => new LiveEndpoint(spec, i));
  for (const [i, member] of members.entries()) if (sick(i)) member.setStanding('ejected');
  let index = 0;
  const peer = () => ({ index, total: CLIENTS });
  const aperture = new Aperture({ size: SIZE, peer, identity: undefined }, '');
  const random = seededRandom(7);
  const clock = new ManualClock();
  const clients = new Uint32Array(endpoints);
  const calls = new Uint32Array(endpoints);
  let widest = 0;
  for (index = 0; index < CLIENTS; index++) {
    const own = aperture.choose(members).map((member) => {
      clients[member.ordinal]!++;
      const endpoint = new LiveEndpoint(member.spec, member.ordinal);
      endpoint.arcShare = member.arcShare;
      endpoint.setStanding(member.standing);
      endpoint.updateWeight();
      return endpoint;
    });
    widest = Math.max(widest, own.length);
    const picker = policy.create({ clock, random, service: 'herd' });
    picker.update({ ready: own.filter(({ state }) => state === 'ready'), members: own, panic: false });
    for (let call = 0; call < CALLS; call++) {
      const endpoint = picker.pick({ key: undefined, tried: undefined, nowMs: Number.NaN }) as LiveEndpoint;
      endpoint.begin();
      calls[endpoint.ordinal]!++;
    }
  }
  const well = members.filter(({ state }) => state === 'ready').map(({ ordinal }) => ordinal);
  const mean = (CLIENTS * CALLS) / well.length;
  return { clients: well.map((i) => clients[i]!), loads: well.map((i) => calls[i]! / mean), widest };
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));

describe('a herd of 10,000 clients under a deterministic aperture of 12', () => {
  it('on 10,000 endpoints: 12 connections on either side, and exactly equal loads under round_robin', () => {
    const { clients, loads, widest } = herd(10_000, roundRobin());
    expect([least(clients), most(clients), widest]).toEqual([12, 12, 12]);
    expect([least(loads), most(loads)]).toEqual([1, 1]);
  });

  it('under least_request no endpoint has more than 1.25 times the mean; at random it would be 1.6', () => {
    const { loads } = herd(10_000, leastRequest());
    expect(most(loads)).toBeLessThan(1.25);
    expect(least(loads)).toBeGreaterThan(0.7);
  });

  it('on 7,001 endpoints, whose arcs fit no client: at most 14 of them each, 20 clients, and 1.3 times the load', () => {
    const { clients, loads, widest } = herd(7_001, leastRequest());
    expect(widest).toBeLessThanOrEqual(SIZE + 2);
    // 10,000 × 12 / 7,001 is 17.1, and the parts at both ends.
    expect(least(clients)).toBeGreaterThanOrEqual(17);
    expect(most(clients)).toBeLessThanOrEqual(20);
    expect(most(loads)).toBeLessThan(1.3);
  });

  it('with every 20th ejected everywhere, they are replaced: up to 20 connections, 1.45 times the load', () => {
    const { clients, loads, widest } = herd(10_000, leastRequest(), (i) => i % 20 === 0);
    expect(widest).toBeLessThanOrEqual(20);
    expect(most(clients)).toBeLessThanOrEqual(20);
    expect(most(loads)).toBeLessThan(1.45);
  });
});

describe('a herd under a random aperture', () => {
  it('of 12 is used by as many clients as chance has it: a mean of 12, a deviation of √12, nowhere beyond five of them', () => {
    const count = 1_500;
    const members = fakeEndpoints(count).map((spec, i) => new LiveEndpoint(spec, i));
    const clients = new Uint32Array(count);
    for (let index = 0; index < count; index++) {
      const aperture = new Aperture({ size: SIZE, peer: undefined, identity: undefined }, `client-${index}`);
      for (const { ordinal } of aperture.choose(members)) clients[ordinal]!++;
    }
    const deviation = Math.sqrt(clients.reduce((sum, each) => sum + (each - SIZE) ** 2, 0) / count);
    expect(Math.abs(deviation / Math.sqrt(SIZE) - 1)).toBeLessThan(0.1);
    expect(most([...clients])).toBeLessThan(SIZE + 5 * Math.sqrt(SIZE));
  });
});
