import { ManualClock } from 'fairlead/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RefusedByEtcd, Status, UnansweredEtcd } from '../../../src/discovery/etcd/calls.js';
import { GrpcCalls } from '../../../src/discovery/etcd/grpc-calls.js';
import { WireWriter } from '../../../src/runtime/wire.js';
import { type Answer, EtcdServer, type SeenCall } from '../../support/etcd-server.js';
import { until } from '../../support/until.js';

const RANGE = { key: 'users/', prefix: true };
const PAGE = { ...RANGE, after: '', limit: 10, revision: 0n };
const NOTHING = new Uint8Array();

interface Login {
  readonly user?: string;
  readonly password?: string;
}

/** Calls to as many members as there are answers. */
async function world(answers: ((call: SeenCall) => Answer | undefined)[], { user, password }: Login = {}) {
  const servers = await Promise.all(answers.map((answer) => EtcdServer.start(answer)));
  const members = servers.map(({ address }) => ({ host: '127.0.0.1', port: Number(address.split(':')[1]) }));
  const clock = new ManualClock(1_000);
  const calls = new GrpcCalls({ members, tls: undefined, user, password, requestTimeoutMs: 500 }, clock);
  onTestFinished(() => {
    calls.close();
    for (const server of servers) server.stop();
  });
  return { calls, clock, servers, server: servers[0]!, pass: (ms: number) => clock.advanceAsync(ms) };
}

const refusal = (code: number, details: string): Answer => ({ code, details });
const caught = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('it resolved'),
    (e) => e,
  );

describe('a call to etcd', () => {
  it('asks what it is named after, and returns what was answered', async () => {
    const lease = new WireWriter().varint(2, 77).varint(3, 9).finish();
    const page = new WireWriter().message(1, new WireWriter().varint(3, 5)).bool(3, true).finish();
    const { calls, server } = await world([({ method }) => (/Lease/.test(method) ? lease : page)]);
    expect(await calls.page(PAGE)).toMatchObject({ header: { revision: 5n }, more: true });
    expect(await calls.put('users/a', 'it', 77n)).toBeUndefined();
    expect(await calls.grant(9)).toEqual({ lease: 77n, ttlSeconds: 9 });
    expect(await calls.keepAlive(77n)).toBe(9);
    expect(await calls.revoke(77n)).toBeUndefined();
    expect(server.seen.map(({ method, request }) => [method, request.toString('hex')])).toEqual([
      ['KV/Range', '0a0675736572732f120675736572733018' + '0a'],
      ['KV/Put', '0a0775736572732f61120269741' + '84d'],
      ['Lease/LeaseGrant', '0809'],
      ['Lease/LeaseKeepAlive', '084d'],
      ['Lease/LeaseRevoke', '084d'],
    ]);
    expect(server.seen.every(({ metadata }) => metadata.get('token').length === 0)).toBe(true);
  });

  it('leaves the stream of a lease once it was answered, and keeps the connection and its member', async () => {
    const answer = (): Answer => new WireWriter().varint(3, 4).finish();
    const { calls, server } = await world([answer, answer]);
    for (let i = 0; i < 3; i++) {
      await calls.keepAlive(1n);
      await until(() => server.streams[i]!.cancelled);
    }
    await calls.page(PAGE);
    expect(new Set(server.seen.map(({ peer }) => peer)).size).toBe(1);
    expect(server.seen).toHaveLength(4);
  });

  it('is of no use after the end', async () => {
    const { calls } = await world([() => NOTHING]);
    await calls.page(PAGE);
    calls.close();
    expect(await caught(calls.page(PAGE))).toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(await caught(calls.keepAlive(1n))).toMatchObject({ code: 'FAIRLEAD_CLOSED' });
  });

  it.each<[string, (calls: GrpcCalls) => Promise<unknown>]>([
    ['page', (calls) => calls.page(PAGE)],
    ['grant', (calls) => calls.grant(1)],
    ['keepAlive', (calls) => calls.keepAlive(1n)],
  ])('rejects with the reason where %s is answered with what is no message', async (_name, ask) => {
    const { calls, server } = await world([() => Buffer.from([0xff])]);
    const error = await caught(ask(calls));
    expect(error).not.toBeInstanceOf(UnansweredEtcd);
    expect(error.message).toBe(`etcd at ${server.address} answered what is not of its API.`);
    expect(error.cause).toBeInstanceOf(RangeError);
  });
});

describe('a member that does not answer', () => {
  it.each<[string, (calls: GrpcCalls) => Promise<unknown>, method: string]>([
    ['call', (calls) => calls.page(PAGE), 'KV/Range'],
    ['stream', (calls) => calls.keepAlive(1n), 'Lease/LeaseKeepAlive'],
  ])('in time is given up and left for the next one, by a %s', async (_kind, ask, method) => {
    const { calls, servers, pass } = await world([() => 'silence', () => new WireWriter().varint(3, 1).finish()]);
    const [first, second] = servers as [EtcdServer, EtcdServer];
    expect(calls.address).toBe(first.address);
    const answer = caught(ask(calls));
    await until(() => first.seen.length === 1);
    await pass(499);
    expect(calls.address).toBe(first.address);
    await pass(1);
    const error = await answer;
    expect(error).toBeInstanceOf(UnansweredEtcd);
    expect(error.message).toBe(`etcd at ${first.address}: ${method}: no answer within 500 ms.`);
    expect(calls.address).toBe(second.address);
    await ask(calls);
    expect([first.seen.length, second.seen.length]).toEqual([1, 1]);
  });

  it.each([
    ['cancelled', Status.cancelled],
    ['unknown', Status.unknown],
    ['deadlineExceeded', Status.deadlineExceeded],
    ['unavailable', Status.unavailable],
  ])('but says that it cannot at the moment (%s) is left for the next one', async (_name, code) => {
    const { calls, servers } = await world([() => refusal(code, 'etcdserver: no leader'), () => NOTHING]);
    const [first, second] = servers as [EtcdServer, EtcdServer];
    const error = await caught(calls.page(PAGE));
    expect(error).toBeInstanceOf(UnansweredEtcd);
    expect(error.message).toBe(`etcd at ${first.address}: etcdserver: no leader.`);
    await calls.page(PAGE);
    expect(second.methods).toEqual(['KV/Range']);
  });

  it('and is the last of the list gives way to the first again', async () => {
    const { calls, servers } = await world([() => refusal(14, 'no'), () => refusal(14, 'no')]);
    for (let i = 0; i < 4; i++) await caught(calls.page(PAGE));
    expect(servers.map(({ seen }) => seen.length)).toEqual([2, 2]);
  });

  it('is left once for all calls that it failed together', async () => {
    const { calls, servers } = await world([() => refusal(14, 'no'), () => NOTHING, () => NOTHING]);
    await Promise.all([1, 2, 3].map(() => caught(calls.page(PAGE))));
    expect(calls.address).toBe(servers[1]!.address);
  });

  it('ends the stream of a lease without an answer: that is none', async () => {
    const { calls, server } = await world([() => undefined]);
    const answer = caught(calls.keepAlive(1n));
    await until(() => server.seen.length === 1);
    server.streams[0]!.end();
    const error = await answer;
    expect(error).toBeInstanceOf(UnansweredEtcd);
    expect(error.message).toContain('Lease/LeaseKeepAlive: no answer');
  });
});

describe('a refusal of etcd', () => {
  it('is told with its status, by the member that is kept', async () => {
    const { calls, servers } = await world([() => refusal(11, 'etcdserver: compacted'), () => NOTHING]);
    const error = await caught(calls.page(PAGE));
    expect(error).toBeInstanceOf(RefusedByEtcd);
    expect(error).toMatchObject({ status: Status.outOfRange, code: 'FAIRLEAD_DISCOVERY' });
    expect(error.message).toBe(`etcd at ${servers[0]!.address}: etcdserver: compacted.`);
    expect(calls.address).toBe(servers[0]!.address);
  });

  it('to revoke a lease that is over is as good as done; any other is not', async () => {
    const { calls, server } = await world([() => refusal(Status.notFound, 'etcdserver: requested lease not found')]);
    expect(await calls.revoke(1n)).toBeUndefined();
    server.answer = () => refusal(Status.permissionDenied, 'etcdserver: permission denied');
    expect(await caught(calls.revoke(1n))).toMatchObject({ status: Status.permissionDenied });
    server.answer = () => refusal(Status.notFound, 'etcdserver: requested lease not found');
    expect(await caught(calls.put('a', 'b', 1n))).toMatchObject({ status: Status.notFound });
  });

  it.each<[details: string, Login, hint: RegExp]>([
    ['etcdserver: user name is empty', {}, /is empty\. It wants to know who asks: give `user` and `password`\.$/],
    ['etcdserver: permission denied', {}, /permission denied\. No `user` was given\.$/],
    ['etcdserver: permission denied', { user: 'me', password: 'x' }, /The role of this user does not cover these keys/],
    ['etcdserver: too many requests', {}, /too many requests\.$/],
  ])('%s (%j) is told with what to do', async (details, login, hint) => {
    const token = new WireWriter().bytes(2, 'T').finish();
    const { calls } = await world(
      [({ method }) => (method.startsWith('Auth') ? token : refusal(Status.permissionDenied, details))],
      login,
    );
    expect((await caught(calls.page(PAGE))).message).toMatch(hint);
  });
});

describe('a user of etcd', () => {
  const LOGIN = { user: 'me', password: 'sesame' };
  const token = (text: string): Uint8Array => new WireWriter().bytes(2, text).finish();
  const tokensOf = (server: EtcdServer): unknown[] => server.seen.map(({ metadata }) => metadata.get('token')[0]);

  it('logs in once for all calls, each of which carries the token', async () => {
    const { calls, server } = await world([({ method }) => (method.startsWith('Auth') ? token('T') : NOTHING)], LOGIN);
    await Promise.all([calls.page(PAGE), calls.put('a', 'b', 0n), calls.keepAlive(1n)]);
    await calls.page(PAGE);
    expect([...server.methods].sort()).toEqual([
      ...['Auth/Authenticate', 'KV/Put', 'KV/Range', 'KV/Range', 'Lease/LeaseKeepAlive'],
    ]);
    expect(server.seen[0]!.request.toString('latin1')).toBe('\n\x02me\x12\x06sesame');
    expect(tokensOf(server)).toEqual([undefined, 'T', 'T', 'T', 'T']);
  });

  it.each([
    ['is over', refusal(Status.unauthenticated, 'etcdserver: invalid auth token')],
    ['is older than the users', refusal(Status.invalidArgument, 'etcdserver: revision of auth store is old')],
  ])('whose token %s logs in again, and the call is made once more', async (_what, refused) => {
    let logins = 0;
    const { calls, server } = await world(
      [
        ({ method, metadata }) => {
          if (method.startsWith('Auth')) return token(`T${++logins}`);
          return metadata.get('token')[0] === 'T1' ? refused : NOTHING;
        },
      ],
      LOGIN,
    );
    await calls.page(PAGE);
    await calls.page(PAGE);
    expect(tokensOf(server)).toEqual([undefined, 'T1', undefined, 'T2', 'T2']);
  });

  it('whose every token is refused is told so after the second', async () => {
    const refused = refusal(Status.unauthenticated, 'etcdserver: invalid auth token');
    const { calls, server } = await world([({ method }) => (method.startsWith('Auth') ? token('T') : refused)], LOGIN);
    expect(await caught(calls.page(PAGE))).toMatchObject({ status: Status.unauthenticated });
    expect(server.methods).toEqual(['Auth/Authenticate', 'KV/Range', 'Auth/Authenticate', 'KV/Range']);
  });

  it('is not asked to log in again by another refusal, nor where nobody logs in', async () => {
    const answer = ({ method }: SeenCall): Answer => (method.startsWith('Auth') ? token('T') : refusal(11, 'old'));
    const { calls, server } = await world([answer], LOGIN);
    await caught(calls.page(PAGE));
    expect(server.methods).toEqual(['Auth/Authenticate', 'KV/Range']);
    const anonymous = await world([() => refusal(Status.unauthenticated, 'etcdserver: invalid auth token')]);
    await caught(anonymous.calls.page(PAGE));
    expect(anonymous.server.methods).toEqual(['KV/Range']);
  });

  it('goes without a token where the cluster has no users', async () => {
    const none = refusal(Status.failedPrecondition, 'etcdserver: authentication is not enabled');
    const { calls, server } = await world([({ method }) => (method.startsWith('Auth') ? none : NOTHING)], LOGIN);
    await calls.page(PAGE);
    await calls.page(PAGE);
    expect(server.methods).toEqual(['Auth/Authenticate', 'KV/Range', 'KV/Range']);
    expect(tokensOf(server)).toEqual([undefined, undefined, undefined]);
  });

  it('who could not log in tries again with the next call', async () => {
    let isWrong = true;
    const wrong = refusal(Status.invalidArgument, 'etcdserver: authentication failed, invalid user ID or password');
    const { calls, server } = await world(
      [({ method }) => (method.startsWith('Auth') ? (isWrong ? wrong : token('T')) : NOTHING)],
      LOGIN,
    );
    expect((await caught(calls.page(PAGE))).message).toContain('invalid user ID or password');
    isWrong = false;
    await calls.page(PAGE);
    expect(server.methods).toEqual(['Auth/Authenticate', 'Auth/Authenticate', 'KV/Range']);
  });
});

describe('a watch over the wire', () => {
  async function watched(login: Login = {}) {
    const token = new WireWriter().bytes(2, 'T').finish();
    const it = await world([({ method }) => (method.startsWith('Auth') ? token : undefined)], login);
    const messages: bigint[] = [];
    const ends: Error[] = [];
    const stream = it.calls.watch(RANGE, 7n, {
      message: ({ header }) => messages.push(header.revision),
      ended: (error) => ends.push(error),
    });
    const say = (revision: number): boolean =>
      it.server.streams[0]!.write(new WireWriter().message(1, new WireWriter().varint(3, revision)).finish());
    return { ...it, stream, messages, ends, say, open: () => until(() => it.server.streams[0] !== undefined) };
  }

  it('asks for changes from a revision on, of a member with a leader, and hears each message', async () => {
    const { server, messages, ends, say, open } = await watched({ user: 'me', password: 'x' });
    await open();
    await until(() => server.seen.length === 2);
    expect(server.seen[1]!.request.toString('hex')).toBe('0a160a0675736572732f1206757365727330' + '180720014001');
    expect(server.seen[1]!.metadata.get('hasleader')).toEqual(['true']);
    expect(server.seen[1]!.metadata.get('token')).toEqual(['T']);
    say(8);
    say(9);
    await until(() => messages.length === 2);
    expect(messages).toEqual([8n, 9n]);
    expect(ends).toEqual([]);
  });

  it('asks for progress when it is told to, and not after its end', async () => {
    const { server, stream, open } = await watched();
    await open();
    stream.askProgress();
    await until(() => server.seen.length === 2);
    expect(server.seen[1]!.request.toString('hex')).toBe('1a00');
    stream.close();
    stream.askProgress();
    await until(() => server.streams[0]!.cancelled);
    expect(server.seen).toHaveLength(2);
  });

  it('ends once, with the reason, when the member fails', async () => {
    const { server, ends, open } = await watched();
    await open();
    server.streams[0]!.emit('error', { code: Status.unavailable, details: 'etcdserver: no leader' });
    await until(() => ends.length > 0);
    await until(() => server.streams[0]!.destroyed);
    expect(ends.map(({ message }) => message)).toEqual([`etcd at ${server.address}: etcdserver: no leader.`]);
    expect(ends[0]).toBeInstanceOf(UnansweredEtcd);
  });

  it('ends when the member ends it without an error', async () => {
    const { server, ends, open } = await watched();
    await open();
    server.streams[0]!.end();
    await until(() => ends.length > 0);
    expect(ends.map(({ message }) => message)).toEqual([`etcd at ${server.address}: the watch ended.`]);
    expect(ends[0]).toBeInstanceOf(UnansweredEtcd);
  });

  it('ends, and hangs up, at what is no message', async () => {
    const { server, ends, messages, say, open } = await watched();
    await open();
    server.streams[0]!.write(Buffer.from([0xff]));
    say(9);
    await until(() => server.streams[0]!.cancelled);
    expect(ends.map(({ message }) => message)).toEqual([`etcd at ${server.address} answered what is not of its API.`]);
    expect(messages).toEqual([]);
  });

  it('is silent once it is closed', async () => {
    const { server, stream, messages, ends, say, open } = await watched();
    await open();
    say(8);
    stream.close();
    await until(() => server.streams[0]!.cancelled);
    expect([messages, ends]).toEqual([[], []]);
  });

  it('is not begun where it was closed before that', async () => {
    const { server, calls, stream, ends } = await watched();
    stream.close();
    server.answer = () => NOTHING;
    await calls.page(PAGE);
    expect([server.methods, ends]).toEqual([['KV/Range'], []]);
  });

  it('is closed without the connection, which others use', async () => {
    const { calls, server, stream, open } = await watched();
    await open();
    stream.close();
    await until(() => server.streams[0]!.cancelled);
    server.answer = () => NOTHING;
    await calls.page(PAGE);
    await calls.page(PAGE);
    expect(new Set(server.seen.map(({ peer }) => peer)).size).toBe(1);
  });

  it('ends where it cannot begin', async () => {
    const { calls } = await world([() => NOTHING]);
    calls.close();
    const ends: unknown[] = [];
    calls.watch(RANGE, 0n, { message: () => {}, ended: (error) => ends.push(error) });
    await until(() => ends.length > 0);
    expect(ends).toEqual([expect.objectContaining({ code: 'FAIRLEAD_CLOSED' })]);
  });
});
