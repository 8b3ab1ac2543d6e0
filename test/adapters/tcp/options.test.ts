import { createConnection, createTcpProxy, createUdpProxy } from 'fairlead/tcp';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../../support/mesh.js';

const { mesh } = testMesh({ users: ['127.0.0.1:1'] });

describe('createConnection', () => {
  it.each([
    [{}, /createConnection\.service is undefined: allowed is the name of a service/],
    [{ service: '' }, /createConnection\.service/],
    [{ service: 'users', tls: 'yes' }, /createConnection\.tls is .*allowed is an object .*, true or false/],
    [{ service: 'users', connectTimeout: 0 }, /createConnection\.connectTimeout is 0/],
    [{ service: 'users', noDelay: 1 }, /createConnection\.noDelay/],
    [{ service: 'users', signal: {} }, /createConnection\.signal.*an AbortSignal/],
    [{ service: 'users', timeout: 3 }, /createConnection\.timeout is not an option/],
  ])('refuses %j', (options, message) => {
    expect(() => createConnection(mesh, options as never)).toThrow(message);
  });

  it('shows no private key', () => {
    const tls = [{ key: 'hunter2' }];
    expect(() => createConnection(mesh, { service: 'users', tls } as never)).toThrow(/^((?!hunter2).)*$/);
  });
});

describe('createTcpProxy', () => {
  it.each([
    [{}, /createTcpProxy\.service is undefined: allowed is the name of a service, or routes/],
    [{ service: 'users', routes: [{ service: 'users' }] }, /createTcpProxy\.routes\[0\]/],
    [{ service: 'users', idleTimeout: 1 }, /createTcpProxy\.idleTimeout is 1/],
    [{ service: 'users', maxConnections: 0 }, /createTcpProxy\.maxConnections/],
    [{ service: 'users', maxConnectionsPerClient: 0.5 }, /createTcpProxy\.maxConnectionsPerClient/],
    [{ service: 'users', key: 'ip' }, /createTcpProxy\.key is .*'client-ip' or a function/],
    [{ service: 'users', acceptProxyProtocol: ['all'] }, /createTcpProxy\.acceptProxyProtocol\[0\]/],
    [{ service: 'users', sendProxyProtocol: 3 }, /createTcpProxy\.sendProxyProtocol is 3: allowed is 1 or 2/],
    [{ service: 'users', onError: 3 }, /createTcpProxy\.onError/],
    [{ service: 'users', port: 3 }, /createTcpProxy\.port is not an option/],
  ])('refuses %j', (options, message) => {
    expect(() => createTcpProxy(mesh, options as never)).toThrow(message);
  });
});

describe('createUdpProxy', () => {
  it.each([
    [{}, /createUdpProxy\.service/],
    [{ service: 'users', maxFlows: 0 }, /createUdpProxy\.maxFlows is 0/],
    [{ service: 'users', idleTimeout: 1 }, /createUdpProxy\.idleTimeout is 1/],
    [{ service: 'users', responses: 0 }, /createUdpProxy\.responses is 0/],
    [{ service: 'users', replyTimeout: 0 }, /createUdpProxy\.replyTimeout is 0/],
    [{ service: 'users', key: 'ip' }, /createUdpProxy\.key/],
    [{ service: 'users', port: 53 }, /createUdpProxy\.port is not an option/],
  ])('refuses %j', (options, message) => {
    expect(() => createUdpProxy(mesh, options as never)).toThrow(message);
  });
});
