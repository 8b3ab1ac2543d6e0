import { createMesh, type DiscoveryContext, type Resolver } from 'fairlead';
import { consulKv, consulRegistrar, consulResolver } from 'fairlead/consul';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ScriptedConsul } from '../support/scripted-consul.js';
import { quiet, until } from '../support/until.js';

describe('the clock and the random numbers of a mesh', () => {
  it('are given to each watch', () => {
    const contexts: (DiscoveryContext | undefined)[] = [];
    const resolver: Resolver = { name: 'mine', watch: (_query, _sink, _signal, context) => contexts.push(context) };
    const clock = new ManualClock();
    const random = seededRandom(3);
    createMesh({ resolver, clock, random }).service('users');
    expect(contexts[0]?.clock).toBe(clock);
    expect(contexts[0]?.random).toBe(random);
  });

  it('are what a Consul resolver waits by that was told nothing else: it stands still with them', async () => {
    const consul = await ScriptedConsul.start();
    consul.set('users', ['a']);
    const clock = new ManualClock(1_000);
    const mesh = createMesh({ resolver: consulResolver({ address: consul.address, env: {} }), clock });
    onTestFinished(async () => {
      await mesh.close();
      await consul.down();
    });
    const users = mesh.service('users');
    await until(() => users.endpoints.length === 1);
    await consul.down();
    await until(() => users.discovery.error !== undefined);
    const before = consul.requests.length;
    await consul.up();
    // Real time alone does not end its backoff.
    await quiet(900);
    expect(consul.requests.length).toBe(before);
    await clock.advanceAsync(1_000);
    await until(() => users.discovery.error === undefined);
  });

  it('are not mixed where two meshes share a resolver', async () => {
    const consul = await ScriptedConsul.start();
    consul.set('users', ['a']);
    const resolver = consulResolver({ address: consul.address, env: {} });
    const clocks = [new ManualClock(1_000), new ManualClock(500_000)];
    const meshes = clocks.map((clock) => createMesh({ resolver, clock }));
    onTestFinished(async () => {
      await Promise.all(meshes.map((mesh) => mesh.close()));
      await consul.down();
    });
    const [one, two] = meshes.map((mesh) => mesh.service('users'));
    await until(() => one!.endpoints.length + two!.endpoints.length === 2);
    expect([one!.discovery.ageMs, two!.discovery.ageMs]).toEqual([0, 0]);
    // What ends with the first is not silent to the second: its list grows old, and it knows why.
    await meshes[0]!.close();
    await until(() => two!.discovery.error !== undefined);
    expect(two!.discovery.error).toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(two!.endpoints).toHaveLength(1);
  });

  it('are what a KV store waits by', async () => {
    const consul = await ScriptedConsul.start();
    consul.script = (_request, response) => {
      response.writeHead(500).end('No cluster leader');
      return true;
    };
    const clock = new ManualClock(1_000);
    const stop = new AbortController();
    onTestFinished(async () => {
      stop.abort();
      await consul.down();
    });
    const errors: Error[] = [];
    const sink = { value: () => {}, error: (error: Error) => errors.push(error) };
    consulKv({ address: consul.address, env: {} }).watch('k', sink, stop.signal, { clock, random: seededRandom(1) });
    await until(() => errors.length === 1);
    await quiet(200);
    expect(errors).toHaveLength(1);
    await clock.advanceAsync(1_000);
    await until(() => errors.length > 1);
  });

  it('are refused where they are none', () => {
    expect(() => consulResolver({ clock: {} as never, env: {} })).toThrow(
      /consulResolver\.clock is an object: allowed/,
    );
    expect(() => consulKv({ random: 7 as never, env: {} })).toThrow(/consulKv\.random is 7: allowed is a source/);
    expect(() => consulRegistrar({ mesh: 7 as never, env: {} })).toThrow(
      /consulRegistrar\.mesh is 7: allowed is a mesh/,
    );
  });
});
