import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ScriptedConsul, type ScriptedInstance } from '../../support/scripted-consul.js';
import { until } from '../../support/until.js';

const COUNT = 5_000;

const instance = (i: number, weight: number): ScriptedInstance => ({
  id: `big-${i}`,
  weights: { Passing: weight, Warning: 1 },
  meta: { version: '2.41.7', note: 'x'.repeat(2_000) },
});

describe('a list of 5,000 instances, 12 MB of JSON', () => {
  it('leaves the event loop many turns while it is read, and of one change makes one', async () => {
    const consul = await ScriptedConsul.start();
    const mesh = createMesh({ resolver: consulResolver({ address: consul.address, env: {}, burst: 100 }) });
    onTestFinished(async () => {
      await mesh.close();
      await consul.down();
    });
    const bodyOf = (): Buffer => Buffer.from(JSON.stringify(consul.entries('users')));
    const list = Array.from({ length: COUNT }, (_, i) => instance(i, 1));
    consul.set('users', list, 10);
    let body = bodyOf();
    expect(body.length).toBeGreaterThan(11e6);
    consul.script = (request, response) => {
      if (Number(request.query.get('index') ?? 0) >= consul.index) return false;
      response.writeHead(200, { 'x-consul-index': String(consul.index) }).end(body);
      return true;
    };
    const service = mesh.service('users');
    let turns = 0;
    let counting = true;
    const turn = (): void => {
      turns++;
      if (counting) setImmediate(turn);
    };
    setImmediate(turn);
    await service.ready();
    counting = false;
    expect(service.endpoints).toHaveLength(COUNT);
    expect(turns).toBeGreaterThan(50);

    const before = service.endpoints;
    const changes: (readonly string[])[] = [];
    service.on('endpoints', ({ arrived, changed, departed }) => {
      changes.push([...arrived, ...changed, ...departed].map(({ spec }) => spec.id));
    });
    await until(() => consul.blocked === 1, 'a blocking query', 10_000);
    // The answer is made before the index moves: making it is the agent's work, not ours.
    consul.set('users', [instance(0, 9), ...list.slice(1)], consul.index);
    body = bodyOf();
    consul.script = (request, response) => {
      if (Number(request.query.get('index') ?? 0) >= 11) return false;
      response.writeHead(200, { 'x-consul-index': '11' }).end(body);
      return true;
    };
    consul.index = 11;
    consul.cut();
    await until(() => changes.length > 0, 'a change', 10_000);
    expect(changes).toEqual([['big-0']]);
    expect(service.endpoints.every((endpoint, i) => endpoint === before[i])).toBe(true);
  });
});
