import { cookieKey, createMesh, FairleadError, headerKey, httpCheck, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { createGateway } from 'fairlead/gateway';
import { registerGrpc } from 'fairlead/grpc';
import { createDispatcher } from 'fairlead/http';
import { monitorMesh } from 'fairlead/monitor';
import { describe, expect, it } from 'vitest';

const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1'] }) });
const users = { service: 'users' };

/** Every option and argument that is the name of a header or of a cookie. */
const NAMED: readonly (readonly [string, (name: string) => unknown])[] = [
  ['headerKey', (name) => headerKey(name)],
  ['cookieKey', (name) => cookieKey(name)],
  ['httpCheck', (name) => httpCheck({ headers: { [name]: 'x' } })],
  ['webhook', (name) => monitorMesh(mesh, { webhook: { url: 'http://127.0.0.1:1', headers: { [name]: 'x' } } })],
  ['connect', (keyHeader) => createFairleadTransport(mesh, { ...users, keyHeader }).close()],
  ['grpc', (keyHeader) => registerGrpc(mesh, { scheme: 'names', services: { users: { keyHeader } } }).close()],
  ['http header', (header) => createDispatcher(mesh, { key: { header } })],
  ['http cookie', (cookie) => createDispatcher(mesh, { key: [{ header: 'x' }, { cookie }] })],
  ['gateway header', (header) => createGateway(mesh, { routes: [{ ...users, key: { header } }] })],
  ['gateway cookie', (cookie) => createGateway(mesh, { routes: [{ ...users, key: { cookie } }] })],
  ['gateway request id', (requestId) => createGateway(mesh, { routes: [users], requestId })],
  [
    'gateway rate',
    (header) => createGateway(mesh, { routes: [{ ...users, rateLimit: { requests: 1, by: { header } } }] }),
  ],
];

describe.each(NAMED)('a name given to %s', (_, give) => {
  it.each(['A B', 'a:b', 'a\r\nb', 'ä', ''])('is refused where no message can have it: %o', (name) => {
    expect(() => give(name)).toThrow(FairleadError);
    expect(() => give(name)).toThrow(expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION' }));
  });

  it('may be what a header may be called', () => {
    expect(() => give('X-User_id.1')).not.toThrow();
  });
});

it('a value that no header can have is refused, and not shown', () => {
  const headers = { authorization: 'Bearer secret-of-mine\n' };
  const give = (): unknown => monitorMesh(mesh, { webhook: { url: 'http://127.0.0.1:1', headers } });
  expect(give).toThrow(/webhook\.headers is .*an object of header values by name/);
  expect(give).not.toThrow(/secret-of-mine/);
});
