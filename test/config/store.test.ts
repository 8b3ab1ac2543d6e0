import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Outcome, type ValueSink, type ValueSource } from 'fairlead';
import { type ConfigStoreOptions, createConfigStore } from 'fairlead/config';
import { fairleadMetricProducer } from 'fairlead/otel';
import { prometheusMetrics } from 'fairlead/prometheus';
import { describe, expect, it } from 'vitest';
import { awaitedTimers, endpoints, testMesh } from '../support/mesh.js';

const lists = { users: ['127.0.0.1:5001', '127.0.0.1:5002'], orders: ['127.0.0.1:6001'] };

function setUp(options?: ConfigStoreOptions) {
  const made = testMesh({ users: endpoints(3), orders: endpoints(1) });
  const config = createConfigStore(made.mesh, { compare: false, ...options });
  const events: string[] = [];
  config.on('applied', ({ number }) => events.push(`applied ${number}`));
  config.on('refused', ({ error }) => events.push(`refused ${error.message}`));
  config.on('held', ({ reason }) => events.push(`held ${reason}`));
  return { ...made, config, events };
}

function pushed(): { source: ValueSource; push: (text: string | undefined, revision?: string) => void } {
  let sink: ValueSink | undefined;
  const source: ValueSource = {
    name: 'test kv',
    watch: (_, given) => {
      sink = given;
    },
  };
  return { source, push: (text, revision) => sink!.value(text, revision) };
}

const reference = (name: string): string => `\${env:${name}}`;

/** Lets documents be read and applied. */
async function settled(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve();
}

describe('a store of configurations', () => {
  it('puts a YAML document in force for services that run, and for those made later', async () => {
    const { mesh, config } = setUp();
    const users = mesh.service('users');
    const version = await config.apply(
      `
defaults: { waitForReadyMs: 100 }
services:
  users:
    policy: { peak_ewma: { decayMs: 5000 } }
    resilience: { limits: { maxInflight: 1 } }
  orders: { panicThreshold: 0 }
`,
      { author: 'kim' },
    );
    expect(version).toMatchObject({ number: 1, author: 'kim', source: 'code' });
    expect(version.changes.map(({ path, effect }) => [path, effect])).toEqual([
      ['defaults', 'live'],
      ['services', 'live'],
    ]);
    const lease = users.acquire();
    expect(() => users.acquire()).toThrow(/in flight/);
    lease.done(Outcome.Success);
    const { options } = mesh.service('orders') as unknown as { options: object };
    expect(options).toMatchObject({ panicThreshold: 0, waitForReadyMs: 100 });
  });

  it('numbers versions, and says what each changed by path; the same document makes none', async () => {
    const { config, clock } = setUp();
    await config.apply({ services: { users: { policy: 'random', waitForReadyMs: 1 } } });
    clock.advance(1_000);
    const second = await config.apply({ services: { users: { policy: 'round_robin', waitForReadyMs: 1 } } });
    expect(second.changes).toEqual([
      { path: 'services.users.policy', before: 'random', after: 'round_robin', effect: 'rebuild' },
    ]);
    expect(second).toMatchObject({ author: 'unknown', atMs: clock.wallMs(), revision: undefined });
    expect(second.atMs - config.versions[0]!.atMs).toBe(1_000);
    const again = await config.apply('{"services":{"users":{"waitForReadyMs":1,"policy":"round_robin"}}}');
    expect(again).toBe(second);
    expect(config.versions.map(({ number }) => number)).toEqual([1, 2]);
    expect(config.diff(2, 1)[0]).toMatchObject({ before: 'round_robin', after: 'random' });
  });

  it('refuses a document with all that is wrong with it, and changes nothing', async () => {
    const { config, events } = setUp();
    const text = `services:
  users:
    polcy: random
    policy: peak_ewm
    waitForReadyMs: -1
    resilience:
      retry: { maxAttempts: 0 }
      breaker: yes please
    checks:
      - http: { path: health }
`;
    const refused = config.apply(text);
    await expect(refused).rejects.toMatchObject({ name: 'ConfigError', code: 'FAIRLEAD_INVALID_OPTION' });
    const { problems } = (await refused.catch((error) => error)) as { problems: { line: number; message: string }[] };
    expect(problems).toMatchObject([
      { source: 'code', line: 3, column: 5, path: 'services.users.polcy', nearest: 'policy' },
      { line: 4, column: 13, path: 'services.users.policy', nearest: 'peak_ewma' },
      { line: 5, path: 'services.users.waitForReadyMs' },
      { line: 7, column: 29, path: 'services.users.resilience.retry.maxAttempts' },
      { line: 8, path: 'services.users.resilience.breaker' },
      { line: 10, path: 'services.users.checks[0].http.path' },
    ]);
    expect(problems[3]!.message).toContain('is 0: allowed is a whole number from 1 to 100.');
    expect(config.current).toBeUndefined();
    expect(events).toHaveLength(1);
  });

  it('finds line and column in JSON as well', async () => {
    const { config } = setUp();
    const refused = await config
      .apply('{\n  "services": { "users": {\n    "panicThreshold": 3\n  } }\n}')
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ problems: [{ line: 3, column: 23, path: 'services.users.panicThreshold' }] });
    await expect(config.apply('{ "services": ')).rejects.toThrow(/not YAML|not JSON/);
  });

  it('refuses JSON in which a name stands twice in one object, with its place', async () => {
    const { config } = setUp();
    const apply = (text: string) => config.apply(text).catch((error: unknown) => error);
    const place = { code: 'FAIRLEAD_INVALID_OPTION', problems: [{ line: 2, column: 2 }] };
    expect(await apply('{"services": {"users": {}},\n "services": {}}')).toMatchObject(place);
    expect(await apply('{"services": {"a\\\\": {}, "users": {},\n "\\u0075sers": {}}}')).toMatchObject(place);
    expect(await apply('{"services": {"users": {"policy": "random"}, "policy": {"policy": "random"}}}')).toMatchObject({
      number: 1,
    });
  });

  it('takes secrets as references only, and shows what they hold nowhere', async () => {
    const given: object[] = [];
    const resolvers = {
      mine: (options: object) => {
        given.push(options);
        return { name: 'mine', watch: () => {} };
      },
    };
    const { config } = setUp({ env: { TOKEN: 'hunter2', PATH_OF_CHECK: 'no-slash-hunter2' }, resolvers });
    await expect(config.apply({ resolver: { mine: { token: 'hunter2' } } })).rejects.toThrow(
      /write it as \$\{env:NAME\}/,
    );
    const version = await config.apply({ resolver: { mine: { token: reference('TOKEN'), tags: ['a'] } } });
    expect(given).toEqual([{ token: 'hunter2', tags: ['a'] }]);
    expect(JSON.stringify(version)).not.toContain('hunter2');
    const checks = [{ http: { path: reference('PATH_OF_CHECK') } }] as const;
    const error = (await config.apply({ services: { users: { checks } } }).catch((each) => each)) as Error;
    expect(error.message).toContain('value not shown): allowed is a path');
    expect(error.message).not.toContain('hunter2');
    await expect(config.apply({ resolver: { mine: { token: reference('NONE') } } })).rejects.toThrow(
      /NONE, which is not set/,
    );
  });

  it('takes endpoints from the resolver of the document, and keeps those that stay', async () => {
    const { mesh, config } = setUp();
    await config.apply({ resolver: { static: lists }, services: { users: {} } });
    const users = mesh.service('users');
    const [first] = users.endpoints;
    await config.apply({ resolver: { static: { ...lists, users: ['127.0.0.1:5001'] } }, services: { users: {} } });
    expect(users.endpoints).toEqual([first]);
    await expect(config.apply({ resolver: { static: { users: [] } } })).rejects.toThrow(/lists no endpoint/);
    expect(users.endpoints).toEqual([first]);
  });

  it('refuses calls of a service that it has no longer, and takes them again when it has', async () => {
    const { mesh, config } = setUp();
    const users = mesh.service('users');
    await config.apply({ services: { users: {}, orders: {} } });
    const version = await config.apply({ services: { orders: {} } });
    expect(version.changes).toMatchObject([{ path: 'services.users', effect: 'removed' }]);
    expect(() => users.acquire()).toThrow(/version 2 of the configuration removed it/);
    await config.apply({ services: { orders: {}, users: {} } });
    users.acquire().done(Outcome.Success);
  });

  it.each([
    ['routing', { routing: { users: { lanes: true } } }],
    ['a route of a gateway', { gateway: { routes: [{ service: 'users' }] } }],
  ])('takes calls of a service that left `services` and is still named in %s', async (_, named) => {
    const { mesh, config } = setUp();
    const users = mesh.service('users');
    await config.apply({ services: { users: {}, orders: {} }, ...named });
    const version = await config.apply({ services: { orders: {} }, ...named });
    expect(version.changes).toMatchObject([{ path: 'services.users', effect: 'live' }]);
    users.acquire().done(Outcome.Success);
    await config.apply({ services: { orders: {} } });
    expect(() => users.acquire()).toThrow(/version 3 of the configuration removed it/);
    await config.apply({ services: {}, ...named });
    users.acquire().done(Outcome.Success);
    expect(() => mesh.service('orders').acquire()).toThrow(/version 4 of the configuration removed it/);
  });

  it.each([
    ['routing', { routing: { users: { lanes: true } } }, 'routing'],
    ['a route of a gateway', { gateway: { routes: [{ service: 'users' }] } }, 'gateway'],
  ])('says that a service is removed with its last mention in %s', async (_, named, path) => {
    const { mesh, config } = setUp();
    const users = mesh.service('users');
    await config.apply({ services: { users: {}, orders: {} } });
    await config.apply({ services: { orders: {} }, ...named });
    const next = { services: { orders: {} } };
    expect((await config.plan(next)).changes).toMatchObject([{ path, effect: 'removed' }]);
    expect((await config.apply(next)).changes).toMatchObject([{ path, effect: 'removed' }]);
    expect(config.diff(2, 3)).toMatchObject([{ path, effect: 'removed' }]);
    expect(() => users.acquire()).toThrow(/version 3 of the configuration removed it/);
  });

  it('says that services are removed with the whole section, and refuses no service that it only routed', async () => {
    const { mesh, config } = setUp();
    await config.apply({ services: { users: {} }, routing: { orders: { lanes: true } } });
    const version = await config.apply({});
    expect(version.changes).toMatchObject([
      { path: 'services', effect: 'removed' },
      { path: 'routing', effect: 'live' },
    ]);
    expect(() => mesh.service('users').acquire()).toThrow(/version 2 of the configuration removed it/);
    mesh.service('orders').acquire().done(Outcome.Success);
  });

  it('refuses calls of a service that is made after it was removed', async () => {
    const { mesh, config } = setUp();
    await config.apply({ services: { users: {} } });
    await config.apply({ services: {} });
    const users = mesh.service('users');
    expect(users.rotation).toEqual([]);
    expect(() => users.acquire()).toThrow(/version 2 of the configuration removed it/);
    await config.apply({ services: { users: {} } });
    users.acquire().done(Outcome.Success);
  });

  it('goes back to a version as a new one, and does not let its source undo that', async () => {
    const { source, push } = pushed();
    const { clock, config, events } = setUp({ source });
    const bad = '{"services":{"users":{"policy":"random"}}}';
    push('{"services":{"users":{"policy":"round_robin"}}}');
    await settled();
    push(bad);
    await settled();
    const third = await config.rollback(1, { author: 'kim' });
    expect(third).toMatchObject({ number: 3, source: 'rollback to 1', hash: config.versions[0]!.hash });
    push(`${bad} `);
    await clock.advanceAsync(2_001);
    await settled();
    expect(events.slice(-1)).toEqual(['held rolled_back']);
    expect(config.current).toBe(third);
    await clock.advanceAsync(600_000);
    push(bad);
    await settled();
    expect(config.current).toMatchObject({ number: 4 });
  });

  it('goes back although a document of its source waits, and refuses that one', async () => {
    const { source, push } = pushed();
    const { clock, config, events } = setUp({ source, spreadMs: 3_600_000 });
    push('{"services":{"users":{"waitForReadyMs":1}}}');
    await settled();
    await config.apply({ services: { users: { waitForReadyMs: 2 } } });
    push('{"services":{"users":{"waitForReadyMs":3}}}');
    const version = await config.rollback(1);
    expect(events.slice(-2)).toEqual(['applied 3', 'held rolled_back']);
    await clock.advanceAsync(3_600_000);
    await settled();
    expect(config.current).toBe(version);
  });

  it('does not refuse what it went back to', async () => {
    const { source, push } = pushed();
    const { clock, config } = setUp({ source });
    push('{"services":{"users":{"waitForReadyMs":1}}}');
    await settled();
    const second = '{"services":{"users":{"waitForReadyMs":2}}}';
    push(second);
    await settled();
    await config.rollback(1);
    await config.rollback(2);
    await config.apply({ services: { users: { waitForReadyMs: 4 } } });
    push(`${second} `);
    await clock.advanceAsync(2_000);
    await settled();
    expect(config.current!.document).toEqual({ services: { users: { waitForReadyMs: 2 } } });
  });

  it('is not taken back by a source that repeats what a hand has changed since', async () => {
    const { source, push } = pushed();
    const { config, events } = setUp({ source });
    const first = '{"services":{"users":{"waitForReadyMs":1}}}';
    push(first);
    await settled();
    await config.apply({ services: { users: { waitForReadyMs: 2 } } });
    push(first);
    await settled();
    expect(config.current).toMatchObject({ number: 2, source: 'code' });
    push('{"services":{"users":{"waitForReadyMs":3}}}');
    await settled();
    push(first, '17');
    await settled();
    expect(events).toEqual(['applied 1', 'applied 2', 'applied 3', 'held storm']);
  });

  it('holds nothing back where its source repeats what is in force, after a storm too', async () => {
    const { source, push } = pushed();
    const { config, events, clock } = setUp({ source });
    const text = (waitForReadyMs: number): string => JSON.stringify({ services: { users: { waitForReadyMs } } });
    for (const each of [1, 2, 3]) push(text(each));
    await settled();
    clock.advance(2_000);
    await settled();
    expect(config.current?.document).toEqual(JSON.parse(text(3)));
    const before = [...events];
    push(undefined);
    push(text(3));
    await settled();
    expect(events).toEqual([...before, expect.stringContaining('There is no document')]);
    push(text(4));
    await settled();
    expect(events.at(-1)).toBe('held storm');
  });

  it('tries what its source repeats again where it was refused', async () => {
    const { source, push } = pushed();
    const env: Record<string, string> = {};
    const { config, events } = setUp({ source, env });
    const text = `{"services":{"users":{"checks":[{"http":{"path":"${reference('CHECK')}"}}]}}}`;
    push(text);
    await settled();
    expect(events).toEqual([expect.stringContaining('CHECK, which is not set')]);
    env.CHECK = '/health';
    push(text);
    await settled();
    expect(config.current?.number).toBe(1);
  });

  it('has the number that its source gave a change', async () => {
    const { source, push } = pushed();
    const { config } = setUp({ source });
    push('{"services":{"users":{}}}', '4711');
    await settled();
    expect(config.current?.revision).toBe('4711');
    expect((await config.apply({})).revision).toBeUndefined();
  });

  it('reads its references again when the same document is applied, and shows none of what they hold', async () => {
    const given: unknown[] = [];
    const resolvers = {
      mine: ({ token }: { token: string }) => {
        given.push(token);
        return { name: 'mine', watch: () => {} };
      },
    };
    const env: Record<string, string> = { TOKEN: 'hunter1', WAIT: 'x' };
    const { config } = setUp({ env, resolvers });
    const document = { resolver: { mine: { token: reference('TOKEN') } }, services: { users: {} } };
    const first = await config.apply(document);
    expect(await config.apply(document)).toBe(first);
    env.TOKEN = 'hunter2';
    const second = await config.apply(document);
    expect(given).toEqual(['hunter1', 'hunter2']);
    expect(second).toMatchObject({ number: 2, hash: first.hash });
    const said = reference('TOKEN');
    expect(second.changes).toEqual([{ path: 'resolver.mine.token', before: said, after: said, effect: 'rebuild' }]);
    expect(await config.apply(document)).toBe(second);
  });

  it('takes what its source repeats for no change', async () => {
    const { source, push } = pushed();
    const { clock, config, events } = setUp({ source });
    for (let i = 0; i < 4; i++) push('{"services":{"users":{}}}');
    await settled();
    push('{"services":{"users":{"waitForReadyMs":1}}}');
    await settled();
    expect(events).toEqual(['applied 1', 'applied 2']);
    push('{"services":{"users":{"waitForReadyMs":2}}}');
    await clock.advanceAsync(1_500);
    push('{"services":{"users":{"waitForReadyMs":2}}}');
    await clock.advanceAsync(500);
    await settled();
    expect(events.slice(2)).toEqual(['held storm', 'applied 3']);
    expect(config.current?.number).toBe(3);
  });

  it('takes of a storm of changes the latest only, once it is quiet', async () => {
    const { source, push } = pushed();
    const { clock, config, events } = setUp({ source });
    for (let i = 0; i < 30; i++) {
      push(`{"services":{"users":{"waitForReadyMs":${i}}}}`);
      await settled();
      await clock.advanceAsync(100);
    }
    await clock.advanceAsync(2_000);
    await settled();
    expect(events.filter((event) => event.startsWith('applied'))).toHaveLength(3);
    expect(config.current!.document).toEqual({ services: { users: { waitForReadyMs: 29 } } });
  });

  it('keeps the document where the source loses it, or says nonsense', async () => {
    const { source, push } = pushed();
    const { config, events } = setUp({ source });
    push('{"services":{"users":{}}}');
    await settled();
    push(undefined);
    push('{"services":{"users":{"policy":"fastest"}}}');
    await settled();
    expect(config.current).toMatchObject({ number: 1, source: 'test kv fairlead/config' });
    expect(events.slice(1).map((event) => event.slice(0, 30))).toEqual([
      expect.stringContaining('refused There is no document'),
      expect.stringContaining('refused test kv fairlead/conf'),
    ]);
  });

  it('spreads changes of the source over a fleet', async () => {
    const { source, push } = pushed();
    const { clock, config } = setUp({ source, spreadMs: 60_000 });
    push('{"services":{"users":{}}}');
    await settled();
    expect(config.current?.number).toBe(1);
    push('{"services":{"users":{"waitForReadyMs":1}}}');
    await settled();
    expect(config.current?.number).toBe(1);
    await clock.advanceAsync(60_000);
    await settled();
    expect(config.current?.number).toBe(2);
  });

  it('spreads them evenly: no more than a few of a fleet change at once, and none late', async () => {
    const fleet = Array.from({ length: 100 }, (_, seed) => {
      const { source, push } = pushed();
      const made = testMesh({ users: endpoints(1) }, { seed });
      const config = createConfigStore(made.mesh, { compare: false, source, spreadMs: 60_000 });
      return { ...made, config, push };
    });
    const changed = (): number => fleet.filter(({ config }) => config.current?.number === 2).length;
    for (const { push } of fleet) push('{"services":{"users":{}}}');
    await settled();
    for (const { push } of fleet) push('{"services":{"users":{"waitForReadyMs":1}}}');
    const perTenth: number[] = [];
    for (let tenth = 0; tenth < 10; tenth++) {
      const before = changed();
      for (const { clock } of fleet) clock.advance(6_000);
      await settled();
      perTenth.push(changed() - before);
    }
    expect(changed()).toBe(100);
    expect(Math.max(...perTenth)).toBeLessThan(25);
    expect(Math.min(...perTenth)).toBeGreaterThan(0);
  });

  it('refuses a change on top of another version than was meant', async () => {
    const { config } = setUp();
    await config.apply({ services: { users: {} } }, { ifVersion: 0 });
    const late = config.apply({ services: {} }, { ifVersion: 0 });
    await expect(late).rejects.toMatchObject({ code: 'FAIRLEAD_CONFLICT' });
  });

  it('says what a document would do without doing it', async () => {
    const { mesh, config } = setUp();
    mesh.service('users');
    const plan = await config.plan({ services: { users: { resilience: { breaker: true, deadlineMs: 5 } } } });
    expect(plan.refused).toBeUndefined();
    expect(plan.changes).toHaveLength(1);
    expect((await config.plan({ services: { users: { policy: 'prequal' } } })).refused?.message).toMatch(/probes/);
    expect(config.current).toBeUndefined();
  });

  it('starts from the last good document where its source has none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
    const lastGood = join(folder, 'config.json');
    try {
      const first = setUp({ lastGood });
      await first.config.apply({ services: { users: { waitForReadyMs: 7 } } });
      await expect.poll(() => readFile(lastGood, 'utf8').catch(() => '')).toContain('"waitForReadyMs": 7');
      expect((await stat(lastGood)).mode & 0o777).toBe(0o600);
      const second = setUp({ lastGood, source: pushed().source });
      expect(await second.config.ready()).toMatchObject({ number: 1, source: 'last good' });
      await writeFile(lastGood, '{"services":3}');
      const third = setUp({ lastGood });
      await expect.poll(() => third.events).toHaveLength(1);
      expect(third.config.current).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says that the last good document could not be kept or read, and refuses nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
    try {
      const { config, events } = setUp({ lastGood: join(folder, 'none', 'config.json') });
      const unkept: object[] = [];
      config.on('unkept', (event) => unkept.push(event));
      await config.apply({ services: { users: { waitForReadyMs: 7 } } });
      const path = join(folder, 'none', 'config.json');
      await expect.poll(() => unkept).toMatchObject([{ path, error: { code: 'ENOENT' } }]);
      const second = setUp({ lastGood: folder });
      second.config.on('unkept', (event) => unkept.push(event));
      await expect.poll(() => unkept.slice(1)).toMatchObject([{ path: folder, error: { code: 'EISDIR' } }]);
      expect([...events, ...second.events]).toEqual(['applied 1']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keeps the latest of documents that follow each other faster than the disk', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
    const lastGood = join(folder, 'config.json');
    try {
      const { config, events } = setUp({ lastGood });
      for (let i = 1; i <= 50; i++) await config.apply({ services: { users: { waitForReadyMs: i } } });
      await expect.poll(() => readFile(lastGood, 'utf8').catch(() => '')).toContain('"waitForReadyMs": 50');
      expect(await readdir(folder)).toEqual(['config.json']);
      expect(events.filter((event) => event.startsWith('refused'))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('does not let the first document of its source wait where it began by the last good one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
    const lastGood = join(folder, 'config.json');
    try {
      await writeFile(lastGood, '{"services":{"users":{"waitForReadyMs":1}}}');
      const { source, push } = pushed();
      const { config } = setUp({ lastGood, source, spreadMs: 60_000 });
      await config.ready();
      push('{"services":{"users":{"waitForReadyMs":2}}}');
      await settled();
      expect(config.current!.document).toEqual({ services: { users: { waitForReadyMs: 2 } } });
      await config.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is the only one of its mesh until it is closed', async () => {
    const { mesh, config } = setUp();
    const second = () => createConfigStore(mesh);
    expect(second).toThrow(expect.objectContaining({ code: 'FAIRLEAD_CONFLICT' }));
    expect(mesh.parts.size).toBe(1);
    await config.close();
    await second().close();
  });

  it('reports how services did before and after a version', async () => {
    const { mesh, clock, config } = setUp({ compare: true });
    using metrics = prometheusMetrics(mesh);
    using producer = fairleadMetricProducer(mesh);
    const users = mesh.service('users');
    mesh.service('idle');
    const drive = (outcome: Outcome): void => {
      for (let i = 0; i < 20; i++) users.acquire().done(outcome);
    };
    drive(Outcome.Success);
    const compared: unknown[] = [];
    config.on('compared', ({ version, services }) => compared.push([version.number, services]));
    await config.apply({ services: { users: { health: [] } } });
    await clock.advanceAsync(5_000);
    drive(Outcome.Failure);
    const shown = (): Record<string, number> => {
      const ofConfig = /^fairlead_part\{kind="config",part="code",figure="([^"]+)"\} (\S+)$/gm;
      return Object.fromEntries(
        [...metrics.metrics().matchAll(ofConfig)].map(([, name, value]) => [name, Number(value)]),
      );
    };
    expect(shown()).not.toHaveProperty('comparedVersion');
    await clock.advanceAsync(5_000);
    expect(compared).toMatchObject([
      [
        1,
        [
          { service: 'users', before: { calls: 20, failureRatio: 0 }, after: { calls: 20, failureRatio: 1 } },
          { service: 'idle', before: { calls: 0 }, after: { calls: 0 } },
        ],
      ],
    ]);
    const figures = {
      version: 1,
      comparedVersion: 1,
      'callsBefore users': 20,
      'callsAfter users': 20,
      'failureRatioBefore users': 0,
      'failureRatioAfter users': 1,
      'p50MsBefore users': 0,
      'p99MsAfter users': 0,
    };
    expect(shown()).toMatchObject(figures);
    // Of services without calls there is nothing, not 0.
    expect(Object.keys(shown()).filter((name) => name.endsWith(' idle'))).toEqual([]);
    const { metrics: exported } = (await producer.collect()).resourceMetrics.scopeMetrics[0]!;
    const part = exported.find(({ descriptor }) => descriptor.name === 'fairlead.part');
    const values = part!.dataPoints.map(({ attributes, value }) => [attributes['fairlead.part.figure'], value]);
    expect(Object.fromEntries(values)).toMatchObject(figures);
    // And as families, by service and when.
    const lines = metrics.metrics().split('\n');
    expect(lines.filter((line) => line.startsWith('fairlead_config_'))).toEqual([
      'fairlead_config_compared_version 1',
      'fairlead_config_compared_calls{service="users",when="before"} 20',
      'fairlead_config_compared_calls{service="users",when="after"} 20',
      'fairlead_config_compared_failure_ratio{service="users",when="before"} 0',
      'fairlead_config_compared_failure_ratio{service="users",when="after"} 1',
      ...['before', 'after'].flatMap((when) =>
        ['0.5', '0.99'].map(
          (quantile) =>
            `fairlead_config_compared_latency_seconds{service="users",when="${when}",quantile="${quantile}"} 0`,
        ),
      ),
    ]);
    const series = exported
      .filter(({ descriptor }) => descriptor.name.startsWith('fairlead.config.'))
      .flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => [descriptor.name, Object.values(attributes).join(), value]),
      );
    expect(series).toEqual([
      ['fairlead.config.compared.version', '', 1],
      ['fairlead.config.compared.calls', 'users,before', 20],
      ['fairlead.config.compared.calls', 'users,after', 20],
      ['fairlead.config.compared.failure_ratio', 'users,before', 0],
      ['fairlead.config.compared.failure_ratio', 'users,after', 1],
      ['fairlead.config.compared.latency', 'users,before,0.5', 0],
      ['fairlead.config.compared.latency', 'users,before,0.99', 0],
      ['fairlead.config.compared.latency', 'users,after,0.5', 0],
      ['fairlead.config.compared.latency', 'users,after,0.99', 0],
    ]);
    await mesh.close();
  });

  it('keeps the process alive while ready() is pending, and no longer', async () => {
    const { mesh, clock, config } = setUp();
    const held = awaitedTimers(clock);
    const ready = config.ready();
    expect(held()).toBe(1);
    await config.apply({});
    await ready;
    expect(held()).toBe(0);
    await config.close();
    const other = createConfigStore(mesh, { compare: false, source: pushed().source });
    const refused = expect(other.ready()).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(held()).toBe(1);
    await mesh.close();
    await refused;
    expect(held()).toBe(0);
  });

  it('is never ready where it has no source and nothing is applied, and says so', async () => {
    const { clock, config } = setUp({ lastGood: join(tmpdir(), 'fairlead-there-is-none', 'config.json') });
    const held = awaitedTimers(clock);
    await expect(config.ready()).rejects.toMatchObject({ code: 'FAIRLEAD_INVALID_OPTION' });
    expect(held()).toBe(0);
    const ready = config.ready();
    const version = await config.apply({});
    expect(await ready).toBe(version);
  });

  it('ends with its mesh', async () => {
    const { mesh, config } = setUp({ source: pushed().source });
    const ready = config.ready();
    await mesh.close();
    await expect(ready).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    await expect(config.apply({})).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(mesh.parts.size).toBe(0);
  });
});
