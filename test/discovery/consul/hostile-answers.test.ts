import { gzipSync } from 'node:zlib';
import { consulRegistrar } from 'fairlead/consul';
import { describe, expect, it } from 'vitest';
import { consulWorld } from '../../support/consul.js';
import { ScriptedConsul } from '../../support/scripted-consul.js';
import { until } from '../../support/until.js';

describe('an answer that is not what it should be', () => {
  it('cannot dribble on for ever: all of it has a limit', async () => {
    const { consul, blocks, clock, passUntil, pass, service } = await consulWorld(['a'], { requestTimeoutMs: 300 });
    await blocks();
    let dribbled = 0;
    consul.script = (_request, response) => {
      response.writeHead(200, { 'x-consul-index': '12' });
      response.write('[');
      const drip = (): void => {
        dribbled++;
        if (!response.destroyed) response.write(' ');
        if (!response.destroyed) clock.after(100, drip);
      };
      clock.after(100, drip);
      return true;
    };
    consul.cut();
    await passUntil(
      () => /no whole answer within \d+ ms: \d+ bytes/.test(service.discovery.error?.message ?? ''),
      3_000,
    );
    await pass(3_000);
    expect(dribbled).toBeGreaterThan(3);
    expect(service.endpoints).toHaveLength(1);
  });

  it('does not make us inflate what nobody reads', async () => {
    const { consul, blocks, passUntil, service } = await consulWorld(['a'], { compress: true });
    await blocks();
    const bomb = gzipSync(Buffer.alloc(256 * 1_048_576, 'x'));
    let sent = 0;
    let sockets = 0;
    consul.script = (_request, response) => {
      response.writeHead(502, { 'content-encoding': 'gzip' });
      response.on('close', () => sockets++);
      sent++;
      response.write(bomb.subarray(0, 100_000));
      return true;
    };
    consul.cut();
    await passUntil(() => sent > 0, 3_000);
    // It is inflated beside the event loop: that takes time, which the clock of the test does not
    // count.
    await until(() => /answered 502/.test(service.discovery.error?.message ?? ''));
    expect(service.discovery.error!.message.length).toBeLessThan(500);
    // The rest was not waited for: the connection is closed by us.
    await until(() => sockets > 0);
  });

  it('refuses no list for checks in one entry that are no list of checks', async () => {
    const { consul, lists, service } = await consulWorld(['a', 'b']);
    await lists('a', 'b');
    const entry = structuredClone(consul.entries('users')[1]) as Record<string, unknown>;
    entry.Checks = 5;
    consul.set('users', ['a', { id: 'b', raw: entry }, 'c']);
    await lists('a', 'c');
    expect(service.endpoints.map(({ spec, state }) => `${spec.id} ${state}`)).toEqual([
      'a ready',
      'b unhealthy',
      'c ready',
    ]);
  });
});

describe('what is wrong is said', () => {
  it.each<[string, number, string, RegExp]>([
    [
      'http to a TLS port',
      400,
      'Client sent an HTTP request to an HTTPS server.',
      /speaks TLS on this port: use https/,
    ],
    ['no token under ACLs', 403, 'Permission denied', /No token was given \(`token`, `tokenFile`, CONSUL_HTTP_TOKEN\)/],
  ])('about %s', async (_what, status, body, message) => {
    const { blocks, answers, passUntil, service } = await consulWorld(['a']);
    await blocks();
    answers(status, {}, body);
    await passUntil(() => message.test(service.discovery.error?.message ?? ''), 3_000);
  });

  it('once, without the name of the request in front of itself', async () => {
    const { consul, blocks, passUntil, service } = await consulWorld(['a']);
    await blocks();
    await consul.down();
    await passUntil(() => service.discovery.error !== undefined);
    expect(service.discovery.error!.message).not.toMatch(/consul: /);
    expect(service.discovery.error!.message.match(/health\.service/g)).toHaveLength(1);
  });

  it('about TLS to a port that has none', async () => {
    const consul = await ScriptedConsul.start();
    const registrar = consulRegistrar({ address: `https://${consul.address}`, env: {} });
    const registering = registrar.register({ service: 'users', port: 1 });
    await expect(registering).rejects.toThrow(/speaks no TLS on this port/);
    await registrar.close({ deadlineMs: 0 }).catch(() => {});
    await consul.down();
  });
});
