import * as fairlead from 'fairlead';
import * as adapter from 'fairlead/grpc';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EchoClient, startServers, type TestServer } from './support.js';

/** As where two versions are installed: the same grpc-js, and nothing else in common. */
async function anotherCopy() {
  vi.resetModules();
  const [core, grpc] = await Promise.all([import('fairlead'), import('fairlead/grpc')]);
  expect(grpc.registerGrpc).not.toBe(adapter.registerGrpc);
  return { core, grpc };
}

async function twoServers() {
  const servers = await startServers(2);
  onTestFinished(() => Promise.all(servers.map((server) => server.stop())).then(() => {}));
  return servers as [TestServer, TestServer];
}

async function answerFrom(target: string): Promise<string> {
  const client = new EchoClient(target);
  onTestFinished(() => client.close());
  return (await client.unary()).id;
}

const meshOf = ({ createMesh, staticResolver }: typeof fairlead, server: TestServer) => {
  const mesh = createMesh({ resolver: staticResolver({ users: [server.endpoint] }) });
  onTestFinished(() => mesh.close());
  return mesh;
};

describe('two copies of fairlead in one process', () => {
  it('leave each other their schemes, whichever was imported last', async () => {
    const [a, b] = await twoServers();
    adapter.registerGrpc(meshOf(fairlead, a));
    const { core, grpc } = await anotherCopy();
    const before = new EchoClient('fairlead:///users');
    onTestFinished(() => before.close());
    expect(await before.unary()).toMatchObject({ id: 'a' });
    const other = meshOf(core as typeof fairlead, b);
    expect(() => grpc.registerGrpc(other)).toThrow(/'fairlead' is registered already/);
    grpc.registerGrpc(other, { scheme: 'second' });
    expect(await answerFrom('second:///users')).toBe('b');
    expect(await answerFrom('fairlead:///users?policy=round_robin')).toBe('a');
    expect(await before.unary()).toMatchObject({ id: 'a' });
  });

  it('hand a scheme over when the mesh that has it is closed', async () => {
    const [a, b] = await twoServers();
    const mesh = meshOf(fairlead, a);
    adapter.registerGrpc(mesh);
    const { core, grpc } = await anotherCopy();
    await mesh.close();
    expect(() => new EchoClient('fairlead:///users')).toThrow(/is not registered/);
    grpc.registerGrpc(meshOf(core as typeof fairlead, b));
    expect(await answerFrom('fairlead:///users')).toBe('b');
  });
});

describe('registerGrpc', () => {
  it('keeps no scheme for a mesh that is closed', async () => {
    const [a] = await twoServers();
    const closed = meshOf(fairlead, a);
    await closed.close();
    expect(() => adapter.registerGrpc(closed)).toThrow(/The mesh is closed/);
    adapter.registerGrpc(meshOf(fairlead, a));
    expect(await answerFrom('fairlead:///users')).toBe('a');
  });
});
