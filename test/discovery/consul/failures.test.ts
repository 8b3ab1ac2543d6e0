import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { consulWorld } from '../../support/consul.js';
import type { SeenRequest } from '../../support/scripted-consul.js';

/** No more requests than the token bucket gives: a burst of 4, then 4 a second. */
const allowedIn = (ms: number): number => 4 + Math.ceil((ms / 1_000) * 4);

describe('a failing Consul', () => {
  it('sees new instances within a second of an agent that restarted with a lower index', async () => {
    const { consul, lists, blocks, passUntil, ids, picks, service } = await consulWorld(['a', 'b', 'c']);
    await lists('a', 'b', 'c');
    consul.bump(75);
    await blocks();
    await consul.down();
    await passUntil(() => service.discovery.error !== undefined);
    picks('a', 'b', 'c');
    consul.set('users', ['d', 'e', 'f'], 15);
    await consul.up();
    expect(await passUntil(() => ids().join() === 'd,e,f')).toBeLessThanOrEqual(1_000);
    expect(service.discovery.error).toBeUndefined();
  });

  it('sees new instances within a second of an agent that restarted with an equal index', async () => {
    const { consul, blocks, passUntil, ids } = await consulWorld([{ id: 'a', port: 1 }]);
    await blocks();
    await consul.down();
    consul.set('users', [{ id: 'a', port: 2 }, 'b'], 11);
    await consul.up();
    expect(await passUntil(() => ids().join() === 'a,b')).toBeLessThanOrEqual(1_000);
  });

  it('keeps the last list, growing older, through a long outage, and is back within a second of it', async () => {
    const { consul, blocks, pass, passUntil, picks, service, ids } = await consulWorld(['a', 'b']);
    await blocks();
    await consul.down();
    await pass(20_000);
    picks('a', 'b');
    expect(service.discovery.ageMs).toBeGreaterThanOrEqual(20_000);
    expect(service.discovery.error?.message).toMatch(/Consul at 127.0.0.1:\d+, health.service: .*ECONNREFUSED/);
    consul.set('users', ['a', 'b', 'c'], 20);
    await consul.up();
    expect(await passUntil(() => ids().includes('c'))).toBeLessThanOrEqual(1_000);
  });

  it('does not go back to blocking on an index that went backwards', async () => {
    const { consul, blocks, lists, passUntil } = await consulWorld(['a']);
    await blocks();
    consul.script = (request, response) => {
      if (!request.query.has('index')) return false;
      consul.script = undefined;
      consul.set('users', ['a', 'b'], 5);
      consul.answer(response, 'users');
      return true;
    };
    consul.bump(12);
    await lists('a', 'b');
    await passUntil(() => consul.blocked === 1);
    expect(consul.queries.slice(-3).map((each) => each.query.get('index'))).toEqual(['12', null, '5']);
  });

  it.each([
    ['missing', {}],
    ['zero', { 'x-consul-index': '0' }],
    ['no number', { 'x-consul-index': 'NaN' }],
  ])('polls under the token bucket while the index is %s, believing the lists', async (_what, headers) => {
    const { consul, blocks, lists, pass, passUntil, answers, service } = await consulWorld(['a']);
    await blocks();
    consul.set('users', ['a', 'b'], 10);
    answers(200, headers, JSON.stringify(consul.entries('users')));
    await passUntil(() => service.endpoints.length === 2);
    await lists('a', 'b');
    const before = consul.requests.length;
    await pass(4_000);
    expect(consul.requests.length - before).toBeLessThanOrEqual(allowedIn(4_000));
    expect(consul.requests.length - before).toBeGreaterThan(4);
    expect(service.discovery.error?.message).toMatch(/no usable X-Consul-Index/);
    consul.script = undefined;
    consul.set('users', ['c', 'b'], 30);
    expect(await passUntil(() => consul.blocked === 1)).toBeLessThanOrEqual(1_000);
    await lists('b', 'c');
  });

  it.each<[string, number, Record<string, string>, string, RegExp]>([
    ['400', 400, {}, 'Failed to create boolean expression', /answered 400 .*boolean expression.*Look at the query/],
    ['403', 403, {}, 'Permission denied', /answered 403 .*Permission denied.*token needs service:read/],
    ['500 without a leader', 500, {}, 'No cluster leader', /answered 500 for service 'users': No cluster leader/],
    ['HTML', 200, { 'content-type': 'text/html', 'x-consul-index': '11' }, '<html>', /not a list of instances/],
    ['null', 200, { 'content-type': 'application/json', 'x-consul-index': '11' }, 'null', /not a list of instances/],
    ['an object', 200, { 'content-type': 'application/json', 'x-consul-index': '11' }, '{}', /not a list of instances/],
    ['nothing', 200, { 'content-type': 'application/json', 'x-consul-index': '11' }, '', /empty or no list/],
    ['a list of numbers', 200, { 'x-consul-index': '11' }, '[1,2]', /not a list of instances/],
    ['a list of other things', 200, { 'x-consul-index': '11' }, '[{"a":1}]', /no Node or no Service/],
    ['broken JSON', 200, { 'x-consul-index': '11' }, '[{"Node":}]', /JSON/],
    ['half a list', 200, { 'x-consul-index': '11' }, '[{"Node":{', /cut off/],
  ])('keeps the last list through %s, asks under the token bucket, and is back in a second', async (...row) => {
    const [, status, headers, body, message] = row;
    const { consul, blocks, passUntil, pass, answers, picks, service, ids } = await consulWorld(['a', 'b']);
    await blocks();
    const before = consul.requests.length;
    answers(status, headers, body);
    await pass(5_000);
    picks('a', 'b');
    expect(service.discovery.error?.message).toMatch(message);
    expect(service.discovery.error).toMatchObject({ code: 'FAIRLEAD_DISCOVERY' });
    expect(service.discovery.ageMs).toBeGreaterThanOrEqual(5_000);
    const asked = consul.requests.length - before;
    expect(asked).toBeLessThanOrEqual(allowedIn(5_000));
    expect(asked).toBeGreaterThan(5);
    consul.script = undefined;
    consul.set('users', ['a', 'b', 'c'], 11);
    expect(await passUntil(() => ids().includes('c'))).toBeLessThanOrEqual(1_000);
  });

  it.each([
    ['without a Service', { Node: { Node: 'n', Address: '127.0.0.1' } }],
    ['without a Node', { Service: { ID: 'x', Port: 1 } }],
  ])('leaves out an entry %s, says so once, and believes the rest', async (_what, odd) => {
    const { consul, blocks, lists, passUntil, answers, service, pass } = await consulWorld(['a', 'b']);
    await blocks();
    const errors: string[] = [];
    service.on('error', ({ message }) => void errors.push(message));
    consul.set('users', ['a', 'b', 'c'], 10);
    const entries = [...consul.entries('users')];
    answers(200, { 'x-consul-index': '11' }, JSON.stringify([odd, ...entries, odd]));
    await passUntil(() => service.endpoints.length === 3);
    await lists('a', 'b', 'c');
    await pass(5_000);
    const said = errors.filter((message) => message.includes('elements'));
    expect(said).toEqual([expect.stringMatching(/service 'users': 2 of the listed elements are no instances/)]);
  });

  it('stays away for as long as a 429 asks for', async () => {
    const { consul, blocks, passUntil, pass, answers, picks, ids, service } = await consulWorld(['a']);
    await blocks();
    answers(429, { 'retry-after': '20' }, 'rate limit reached');
    await passUntil(() => /answered 429/.test(service.discovery.error?.message ?? ''));
    const before = consul.requests.length;
    await pass(19_900);
    expect(consul.requests.length).toBe(before);
    picks('a');
    consul.script = undefined;
    consul.set('users', ['a', 'b'], 11);
    expect(await passUntil(() => ids().includes('b'))).toBeLessThanOrEqual(1_100);
  });

  it('takes a body that is cut off in the middle for what it is, at once', async () => {
    const { consul, blocks, passUntil, picks, ids, service } = await consulWorld(['a', 'b']);
    await blocks();
    consul.script = (_request: SeenRequest, response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': '12', 'content-length': '999' });
      response.write(JSON.stringify(consul.entries('users')).slice(0, 60));
      setImmediate(() => response.destroy());
      return true;
    };
    consul.cut();
    await passUntil(() => /in the middle/.test(service.discovery.error?.message ?? ''), 2_000);
    picks('a', 'b');
    consul.script = undefined;
    consul.set('users', ['a', 'b', 'c'], 13);
    expect(await passUntil(() => ids().includes('c'))).toBeLessThanOrEqual(1_000);
  });

  it('gives up on a connection that hangs, and asks anew', async () => {
    const { consul, blocks, pass, passUntil, picks, ids, service } = await consulWorld(['a'], {
      waitMs: 5_000,
      requestTimeoutMs: 1_000,
    });
    await blocks();
    consul.script = () => true;
    consul.set('users', ['a', 'b']);
    await passUntil(() => ids().length === 2, 1_000);
    await pass(6_000);
    expect(service.discovery.error).toBeUndefined();
    await pass(400);
    expect(service.discovery.error?.message).toMatch(/no answer within 6313 ms/);
    picks('a', 'b');
    consul.set('users', ['a', 'b', 'c']);
    consul.script = undefined;
    // The request that hangs now has no wait: its own second, and the backoff.
    expect(await passUntil(() => ids().includes('c'))).toBeLessThanOrEqual(1_000 + 750);
  });

  it('gives up on a body that stops arriving', async () => {
    const { consul, blocks, passUntil, service } = await consulWorld(['a'], { requestTimeoutMs: 1_000 });
    await blocks();
    consul.script = (_request, response) => {
      response.writeHead(200, { 'x-consul-index': '12' });
      response.write('[');
      return true;
    };
    consul.cut();
    await passUntil(() => /no answer within 1000 ms/.test(service.discovery.error?.message ?? ''), 3_000);
  });

  it('holds to the token bucket while the index jumps thousands of times a second, and tells nobody', async () => {
    const { consul, blocks, pass, service, lists } = await consulWorld(['a', 'b']);
    await blocks();
    let changes = 0;
    service.on('endpoints', () => changes++);
    consul.script = (_request, response) => {
      consul.index += 1_000;
      consul.answer(response, 'users');
      return true;
    };
    const before = consul.requests.length;
    consul.bump();
    await pass(4_000);
    expect(consul.requests.length - before).toBeLessThanOrEqual(allowedIn(4_000));
    expect(consul.requests.length - before).toBeGreaterThan(12);
    expect(changes).toBe(0);
    consul.set('users', ['a', 'b', 'c']);
    await pass(300);
    await lists('a', 'b', 'c');
  });

  it('tells the first changes of a burst at once and the rest together', async () => {
    const { consul, blocks, clock, lists, pass, service } = await consulWorld(['i0']);
    await blocks();
    await pass(5_000);
    const changes: number[] = [];
    service.on('endpoints', () => changes.push(clock.now()));
    const startMs = clock.now();
    consul.set('users', ['i0', 'i1']);
    await lists('i0', 'i1');
    expect(changes).toEqual([startMs]);
    const all = ['i0'];
    for (let i = 1; i <= 40; i++) {
      all.push(`i${i}`);
      consul.set('users', all);
      await pass(25);
    }
    await pass(300);
    await lists(...all);
    expect(changes.length).toBeLessThanOrEqual(allowedIn(1_300));
  });

  it('goes on when somebody who listens throws', async () => {
    const { consul, blocks, lists, service } = await consulWorld(['a']);
    const warnings: string[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning.message);
    process.on('warning', onWarning);
    await blocks();
    service.on('endpoints', () => {
      throw new Error('mine');
    });
    consul.set('users', ['a', 'b']);
    await lists('a', 'b');
    consul.set('users', ['a', 'b', 'c']);
    await lists('a', 'b', 'c');
    process.off('warning', onWarning);
    expect(warnings.join()).toMatch(/mine/);
  });
});
