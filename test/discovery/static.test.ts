import { createMesh, staticResolver } from 'fairlead';
import { describe, expect, it } from 'vitest';

describe('static resolver', () => {
  it('reads host:port and fills in the rest', () => {
    const mesh = createMesh({
      resolver: staticResolver({
        users: ['127.0.0.1:5001', '[::1]:5002', { host: 'db', port: 1, id: 'x', weight: 2 }],
      }),
    });
    expect(mesh.service('users').endpoints.map((endpoint) => endpoint.spec)).toEqual([
      { id: '127.0.0.1:5001', host: '127.0.0.1', port: 5001, weight: 1, priority: 0, zone: '', tags: [], meta: {} },
      { id: '[::1]:5002', host: '::1', port: 5002, weight: 1, priority: 0, zone: '', tags: [], meta: {} },
      { id: 'x', host: 'db', port: 1, weight: 2, priority: 0, zone: '', tags: [], meta: {} },
    ]);
  });

  it.each([
    ['127.0.0.1', "allowed is 'host:port'"],
    ['::1:5001', "allowed is 'host:port'"],
    ['h:0', 'a port from 1 to 65535'],
    ['h:99999', 'a port from 1 to 65535'],
    [{ host: '', port: 1 }, 'host name or address'],
    [{ host: 'h', port: 1.5 }, 'a port from 1 to 65535'],
    [{ host: 'h', port: 1, weight: 0 }, 'a number from 0.000001 to 65535'],
    [{ host: 'h', port: 1, priority: 1.5 }, 'a whole number from 0 to 127'],
    [{ host: 'h', port: 1, id: 7 }, 'users[0].id is 7: allowed is a string that is not empty'],
    [{ host: 'h', port: 1, zone: null }, 'users[0].zone is null: allowed is a string'],
    [{ host: 'h', port: 1, tags: 'v2' }, 'users[0].tags is "v2": allowed is an array of strings'],
    [{ host: 'h', port: 1, meta: { shard: 3 } }, 'users[0].meta is an object: allowed is an object of strings'],
    [{ host: 'h', port: 1, wieght: 2 }, 'staticResolver.users[0].wieght'],
  ])('refuses %j when it is given', (endpoint, message) => {
    expect(() => staticResolver({ users: [endpoint as never] })).toThrow(message);
  });

  it('tells an update to everybody who watches, at once, and a wrong one to nobody', () => {
    const resolver = staticResolver({ users: ['h:1'] });
    const one = createMesh({ resolver }).service('users');
    const two = createMesh({ resolver }).service('users');
    resolver.update('users', ['h:2', 'h:3']);
    expect(one.endpoints).toHaveLength(2);
    expect(two.endpoints).toHaveLength(2);
    expect(() => resolver.update('users', ['h:4', 'h'])).toThrow();
    expect(one.endpoints).toHaveLength(2);
  });

  it('tells a service that is named later', () => {
    const resolver = staticResolver();
    const service = createMesh({ resolver }).service('late');
    expect(service.endpoints).toHaveLength(0);
    resolver.update('late', ['h:1']);
    expect(service.endpoints).toHaveLength(1);
  });

  it('tells whoever asks for an endpoint of a service that it has no list for', () => {
    const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:5001'] }) });
    expect(() => mesh.service('user').acquire()).toThrow(/staticResolver has no list for 'user', only for 'users'/);
  });
});
