import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Endpoint, NewsMessage } from 'fairlead';
import { afterEach, describe, expect, it } from 'vitest';
import { Connectivity, type ReachingLeaf } from '../../../../adapters/grpc/connections/reachability.js';
import { endpoints, testMesh } from '../../../support/mesh.js';

const lines: string[] = [];
const heard = (message: unknown): void => {
  const { level, text, subject } = message as NewsMessage;
  lines.push(`${level} ${text} (${subject})`);
};
afterEach(() => {
  unsubscribe('fairlead:news', heard);
  lines.length = 0;
});

interface FakeLeaf extends ReachingLeaf {
  subchannel: unknown;
  failingSinceMs: number | undefined;
  lastError: string;
}

const REFUSED = (port: number): string =>
  `No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:${port} (2026-11-30T10:00:00.000Z)`;

function setUp(count: number) {
  const { mesh } = testMesh({ users: endpoints(count) });
  subscribe('fairlead:news', heard);
  const users = mesh.service('users');
  const connectivity = new Connectivity();
  const events: string[] = [];
  connectivity.events.on('connectivity', ({ service, endpoint, connected, reason }) =>
    events.push(`${service} ${endpoint.spec.id} ${connected} ${reason?.slice(0, 13)}`),
  );
  const reach = connectivity.of(users);
  const leaf = (at: number): FakeLeaf => {
    const made = { endpoint: users.endpoints[at]!, subchannel: undefined, failingSinceMs: undefined, lastError: '' };
    reach.changed(made);
    return made;
  };
  const fail = (of: FakeLeaf, error = REFUSED(of.endpoint.spec.port)): void => {
    Object.assign(of, { subchannel: undefined, failingSinceMs: of.failingSinceMs ?? 1_000, lastError: error });
    reach.changed(of);
  };
  const connect = (of: FakeLeaf): void => {
    Object.assign(of, { subchannel: {}, failingSinceMs: undefined });
    reach.changed(of);
  };
  const said = (): string[] => lines.splice(0);
  return { reach, events, leaf, fail, connect, said };
}

const idsOf = (out: ReadonlyMap<Endpoint, unknown>): string[] => [...out.keys()].map(({ spec }) => spec.id);

describe('what channels can connect to', () => {
  it('is news as it changes, once however often it is tried, with one cause for all addresses', () => {
    const { reach, events, leaf, fail, connect, said } = setUp(3);
    const [a, b, c] = [leaf(0), leaf(1), leaf(2)];
    for (const each of [a, b, c]) connect(each);
    expect(said()).toEqual([]);
    fail(a);
    fail(b);
    fail(a);
    expect(said()).toEqual([
      'warn no usable connection: connect ECONNREFUSED (e0 of users)',
      'warn no usable connection: connect ECONNREFUSED (e1 of users)',
    ]);
    expect(idsOf(reach.unreachable)).toEqual(['e0', 'e1']);
    connect(a);
    expect(said()).toEqual(['info has a usable connection again (e0 of users)']);
    expect(events).toEqual(['users e0 false No connection', 'users e1 false No connection', 'users e0 true undefined']);
  });

  it('is an error where it is nothing at all, until there is something again', () => {
    const { leaf, fail, connect, said } = setUp(2);
    const [a, b] = [leaf(0), leaf(1)];
    fail(a, 'no HTTP/2 connection within 20 ms');
    fail(b, '');
    expect(said()).toEqual([
      'warn no usable connection: no HTTP/2 connection within 20 ms (e0 of users)',
      'warn no usable connection: no answer (e1 of users)',
      'error no endpoint has a usable connection (users)',
    ]);
    connect(b);
    expect(said()).toEqual([
      'info has a usable connection again (e1 of users)',
      'info there are usable connections again (users)',
    ]);
  });

  it('is what any channel can connect to', () => {
    const { reach, leaf, fail, connect, said } = setUp(1);
    const [one, another] = [leaf(0), leaf(0)];
    connect(another);
    fail(one);
    expect([said(), idsOf(reach.unreachable)]).toEqual([[], []]);
    // The channel that is connected closes.
    reach.removed([another]);
    expect(said()).toHaveLength(2);
    expect(idsOf(reach.unreachable)).toEqual(['e0']);
  });

  it('is no news where nothing wants to connect any more', () => {
    const { reach, events, leaf, fail, connect, said } = setUp(2);
    const [a, b] = [leaf(0), leaf(1)];
    connect(a);
    fail(b);
    said();
    // The whole channel, whichever is first.
    reach.removed([a, b]);
    expect([said(), events.length, reach.unreachable.size]).toEqual([[], 1, 0]);
    // And what left is not what the others are counted by.
    const again = leaf(0);
    fail(again);
    expect(said()).toContain('error no endpoint has a usable connection (users)');
  });
});
