import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { consulWorld } from '../../support/consul.js';
import { until } from '../../support/until.js';

/** More than the agent is asked for at once. */
const SERVICES = 40;

/** As a program starts: with answers that are held until `answer` is called, which returns how many. */
async function starting() {
  const world = await consulWorld(['a']);
  const { consul, mesh } = world;
  await world.blocks();
  const held: ServerResponse[] = [];
  consul.script = ({ path, query }, response) => {
    if (query.has('index') || !path.includes('/s')) return false;
    held.push(response);
    return true;
  };
  const services = Array.from({ length: SERVICES }, (_, i) => mesh.service(`s${i}`));
  const answer = (): number => {
    const answered = held.splice(0);
    for (const response of answered) response.writeHead(200, { 'X-Consul-Index': '10' }).end('[]');
    return answered.length;
  };
  return { ...world, services, answer, held };
}

describe('first lists', () => {
  it('are read before what services that have theirs ask next', async () => {
    const { consul, services, answer, held, clock } = await starting();
    const atMs = clock.now();
    for (let answered = 0; answered < SERVICES; ) {
      await until(() => held.length === Math.min(16, SERVICES - answered));
      expect(consul.blocked).toBe(1);
      answered += answer();
    }
    await until(() => services.every(({ discovery }) => discovery.version !== ''));
    // Nothing waited for a timer until here.
    expect(clock.now()).toBe(atMs);
    // The one that was last waits for none.
    for (const blocked of [1 + 16, 1 + 32, SERVICES]) {
      await until(() => consul.blocked === 1 + blocked);
      await consul.quiet();
      expect(consul.blocked).toBe(1 + blocked);
      await clock.advanceAsync(1);
    }
  });

  it('are waited for by the others for a second at most, and by what watched before not at all', async () => {
    const { consul, answer, held, clock, lists } = await starting();
    await until(() => held.length === 16);
    answer();
    await until(() => held.length === 16);
    expect(consul.blocked).toBe(1);
    consul.set('users', ['a', 'b']);
    await lists('a', 'b');
    await until(() => consul.blocked === 1);
    await clock.advanceAsync(999);
    await consul.quiet();
    expect(consul.blocked).toBe(1);
    await clock.advanceAsync(1);
    await until(() => consul.blocked === 17);
  });

  it('that are given up are not waited for, and leave no timer', async () => {
    const { mesh, answer, held, clock, consul } = await starting();
    await until(() => held.length === 16);
    answer();
    await until(() => held.length === 16);
    await mesh.close();
    await consul.quiet();
    expect(clock.pending).toBe(0);
  });
});
