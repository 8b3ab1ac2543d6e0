import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { consulWorld } from '../../support/consul.js';

describe('an answer in many pieces', () => {
  it('arms no timer for each of them', async () => {
    const { consul, blocks, clock, service, passUntil } = await consulWorld(['a']);
    await blocks();
    const after = vi.spyOn(clock, 'after');
    let pieces = 0;
    consul.script = (_request, response) => {
      response.writeHead(200, { 'x-consul-index': '12' });
      const drip = (): void => {
        if (pieces++ < 60) {
          response.write(' ');
          clock.awaited(50, drip);
        } else {
          consul.script = undefined;
          consul.set('users', ['a', 'b'], 12);
          response.end(JSON.stringify(consul.entries('users')));
        }
      };
      drip();
      return true;
    };
    consul.cut();
    await passUntil(() => service.endpoints.length === 2);
    // Each piece is one of the test's own.
    expect(after.mock.calls.length - pieces).toBeLessThan(10);
  });

  it('that is gzip without its end is cut off, and not waited for', async () => {
    const { consul, blocks, passUntil, service } = await consulWorld(['a'], { compress: true });
    await blocks();
    consul.script = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'x-consul-index': '12' });
      response.end(gzipSync(JSON.stringify(consul.entries('users'))).subarray(0, -8));
      return true;
    };
    consul.cut();
    // Inflating takes time that the clock of this test knows nothing of; waited for, it would say so.
    await passUntil(() => /unexpected end of file/.test(service.discovery.error?.message ?? ''));
    expect(service.endpoints).toHaveLength(1);
  });
});
