import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ADAPTER_ROOMS, MAX_COMMENT_COLUMNS, MAX_LINES, ROOMS, violations } from './support/architecture.js';
import { importCycles } from './support/import-cycles.js';

const root = new URL('..', import.meta.url).pathname;
const files = ['src', 'adapters', 'cli']
  .flatMap((room) => readdirSync(root + room, { recursive: true, encoding: 'utf8' }).map((path) => `${room}/${path}`))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(root + path, 'utf8') }));

describe('the house rules', () => {
  it('hold in every file of src/, adapters/ and cli/', () => {
    expect(files.length).toBeGreaterThan(40);
    expect(files.flatMap(violations)).toEqual([]);
  });

  it('let no file import itself through others, not even for a type', () => {
    expect(importCycles(files)).toEqual([]);
  });
});

describe('the picture in docs/architecture.md', () => {
  const page = readFileSync(`${root}docs/architecture.md`, 'utf8');

  it('lists the rooms of src/ that there are, in their order', () => {
    const drawn = /## Rooms[\s\S]*?```\n([\s\S]*?)```/.exec(page)![1]!.trimEnd().split('\n');
    const rooms = drawn.map((line) => line.split(/ {2,}/)[0]!.split(' · '));
    expect(rooms).toEqual(ROOMS);
    const there = readdirSync(`${root}src`).sort();
    expect(rooms.flat().sort()).toEqual(there);
  });

  it('lists the rooms of each adapter that has some, in their order', () => {
    for (const [adapter, rooms] of Object.entries(ADAPTER_ROOMS)) {
      const folders = rooms
        .map((line) => line.filter((name) => !name.endsWith('.ts')))
        .filter((line) => line.length > 0);
      const drawn = folders.map((line) => line.map((name) => `\`${name}\``).join(', ')).join(' < ');
      expect(page).toContain(`| \`${adapter}/\` | ${drawn} |`);
      const there = readdirSync(`${root}adapters/${adapter}`).filter((name) => !name.endsWith('.ts'));
      expect(there.sort()).toEqual(folders.flat().sort());
    }
  });
});

describe('the search for import cycles', () => {
  const file = (path: string, ...targets: string[]) => ({
    path,
    text: targets.map((target) => `import type { X } from './${target}.js';`).join('\n'),
  });

  it('finds files that import each other, and a longer way round', () => {
    const two = [file('src/a.ts', 'b'), file('src/b.ts', 'a')];
    expect(importCycles(two)).toEqual(['src/a.ts, src/b.ts']);
    const three = [
      file('src/x.ts', 'a'),
      file('src/a.ts', 'b'),
      file('src/b.ts', 'c', 'd'),
      file('src/c.ts', 'a'),
      file('src/d.ts'),
    ];
    expect(importCycles(three)).toEqual(['src/a.ts, src/b.ts, src/c.ts']);
  });

  it('finds re-exports and imports within code', () => {
    const again = { path: 'src/a.ts', text: `export * from './b.js';` };
    const late = { path: 'src/b.ts', text: `const a = await import('./a.js');` };
    expect(importCycles([again, late])).toEqual(['src/a.ts, src/b.ts']);
  });

  it('takes two ways to one file for no cycle', () => {
    expect(importCycles([file('src/a.ts', 'b', 'c'), file('src/b.ts', 'c'), file('src/c.ts')])).toEqual([]);
  });
});

describe('the checker', () => {
  const forbidden: [rule: string, path: string, text: string][] = [
    [
      'a room does not import a room above it',
      'src/balancing/policy.ts',
      `import type { View } from '../picking/view.js';`,
    ],
    ['nor one beside it', 'src/balancing/p2c.ts', `import { x } from '../health/consecutive-failures.js';`],
    ['not even its types', 'src/balancing/p2c.ts', `import type { Service } from '../service/service.js';`],
    [
      'a health signal does not know the service',
      'src/health/rate.ts',
      `import {\n  Service,\n} from '../service/service.js';`,
    ],
    ['a resolver does not import a policy', 'src/discovery/dns.ts', `export { random } from '../balancing/random.js';`],
    ['a room does not load the mesh', 'src/telemetry/stats.ts', `import { createMesh } from '../mesh.js';`],
    ['nor a part of a service', 'src/resilience/retry.ts', `import { ServicePlan } from '../call/plan.js';`],
    ['nor a public door', 'src/call/call.ts', `import { createMesh } from '../index.js';`],
    ['a file of src/ lies in a room', 'src/service.ts', `import { x } from './runtime/clock.js';`],
    ['a new room is on the list', 'src/attic/box.ts', `import { x } from '../runtime/clock.js';`],
    [
      'an adapter sees only the doors of src/',
      'adapters/grpc/index.ts',
      `import { Service } from '../../src/service/service.js';`,
    ],
    [
      'an adapter that builds on another sees its face',
      'adapters/gateway/x.ts',
      `import { x } from '../http/call.js';`,
    ],
    ['adapters do not import each other', 'adapters/redis/index.ts', `import { x } from '../mysql/index.js';`],
    ['nor its values where they may name its types', 'adapters/otel/index.ts', `import { x } from '../grpc/index.js';`],
    ['nor the types of its inside', 'adapters/otel/index.ts', `import type { X } from '../grpc/calls/call.js';`],
    [
      'the rooms of an adapter have an order too',
      'adapters/redis/shards/shard.ts',
      `import { x } from '../commands/router.js';`,
    ],
    ['and do not import what users hold', 'adapters/redis/shards/shard.ts', `import { x } from '../sharded-redis.js';`],
    ['src/ never imports adapters/', 'src/mesh.ts', `import { x } from '../adapters/grpc/index.js';`],
    ['src/ imports no driver', 'src/service/service.ts', `import type { Pool } from 'mysql2/promise';`],
    ['nor loads one later', 'src/service/service.ts', `const grpc = await import('@grpc/grpc-js');`],
    ['nor requires one', 'src/service/service.ts', `const grpc = require("ioredis");`],
    ['an adapter imports no other driver than its own', 'adapters/redis/index.ts', `import mysql from 'mysql2';`],
    ['for its side effects neither', 'src/service/service.ts', `import 'zod';`],
    ['nothing reads the time', 'src/service/service.ts', `const now = performance.now();`],
    ['nor the date', 'adapters/http/index.ts', `const now = new Date();`],
    ['nothing arms a timer', 'src/service/service.ts', `setTimeout(() => {}, 5);`],
    ['nor imports one', 'src/service/service.ts', `import { setTimeout as sleep } from 'node:timers/promises';`],
    ['nor makes a signal that has one', 'src/service/service.ts', `const signal = AbortSignal.timeout(10);`],
    ['nothing listens to a signal', 'src/service/service.ts', `signal.addEventListener('abort', end, { once: true });`],
    ['nothing draws', 'src/balancing/random.ts', `const i = Math.floor(Math.random() * 3);`],
    ['nothing makes async resources', 'adapters/grpc/calls/call.ts', `const run = AsyncResource.bind(callback);`],
    ['nothing takes snapshots of contexts', 'adapters/tcp/proxy.ts', `const run = AsyncLocalStorage.snapshot();`],
    ['nor makes identifiers by chance', 'src/picking/lease.ts', `import { randomUUID } from 'node:crypto';`],
    [
      'an adapter has no clock of its own',
      'adapters/redis/index.ts',
      `import { systemClock } from '../../src/index.js';`,
    ],
    ['no file is too long', 'src/picking/lease.ts', 'x\n'.repeat(MAX_LINES + 1)],
    ['no comment is too wide', 'src/picking/lease.ts', `// ${'x '.repeat(MAX_COMMENT_COLUMNS / 2)}`],
  ];

  it.each(forbidden)('finds that %s', (_, path, text) => {
    expect(violations({ path, text })).not.toEqual([]);
  });

  const allowed: [what: string, path: string, text: string][] = [
    [
      'what a comment says',
      'src/service/service.ts',
      `// import mysql from 'mysql2';\n/** Date.now() is not for us. */\nconst url = 'http://x';`,
    ],
    ['what an error message says', 'src/service/service.ts', `throw new Error('do not call Math.random()');`],
    [
      'rooms below and its own',
      'src/balancing/p2c.ts',
      `import type { Endpoint } from '../endpoint/endpoint.js';\nimport type { Policy } from './policy.js';`,
    ],
    ['the driver in its adapter', 'adapters/mysql/driver/driver.ts', `import type { Pool } from 'mysql2/promise';`],
    [
      'the types of another adapter for telemetry',
      'adapters/otel/x.ts',
      `import type { X } from '../grpc/messages.js';`,
    ],
    [
      'the face of the adapter that it builds on',
      'adapters/gateway/forward/x.ts',
      `import { createDispatcher } from '../../http/index.js';`,
    ],
    ['time in the clock', 'src/runtime/clock.ts', `export const now = () => performance.now();`],
    ['a file of the greatest length', 'src/picking/lease.ts', 'x\n'.repeat(MAX_LINES)],
    [
      'a wide table or link in a comment',
      'src/picking/lease.ts',
      `// | ${'x '.repeat(60)} |\n// https://${'x'.repeat(100)}`,
    ],
  ];

  it.each(allowed)('allows %s', (_, path, text) => {
    expect(violations({ path, text })).toEqual([]);
  });
});
