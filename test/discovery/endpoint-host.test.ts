import { staticResolver } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { readEndpoint } from '../../src/discovery/endpoint-input.js';

describe('the host of an endpoint', () => {
  it('may have the brackets that IPv6 has beside a port', () => {
    expect(readEndpoint({ host: '[::1]', port: 80 }, 'e')).toMatchObject({ host: '::1', id: '[::1]:80' });
    expect(readEndpoint('[::1]:80', 'e').host).toBe('::1');
  });

  it.each(['unix:/run/users.sock', 'unix:users', '/run/users.sock', '[::1', 'a b', ''])('is not %j', (host) => {
    expect(() => staticResolver({ users: [{ host, port: 80 }] })).toThrow(/host is .*sockets of the file system/);
  });
});
