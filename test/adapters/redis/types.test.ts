import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url).pathname;
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

/** What an application writes. Each line behind a `refused` must not compile. */
const PROGRAM = `
import { createMesh } from 'fairlead';
import { ShardedRedis, type ShardChange, type ShardedRedisOptions } from 'fairlead/redis';
import { Redis } from 'ioredis';

const mesh = createMesh();
const maybe = undefined as string | undefined;

export const redis: ShardedRedis = new ShardedRedis(mesh, {
  service: 'cache',
  keyPrefix: 'app:',
  password: maybe,
  host: undefined,
  onFailure: undefined,
  handover: { windowMs: 1_000, settleMs: undefined },
  retryStrategy: (times) => (times > 3 ? null : 50),
  reconnectOnError: () => 2,
  enableAutoPipelining: false,
  maxRetriesPerRequest: null,
  tls: { servername: 'redis' },
});
export const encrypted: readonly ShardedRedisOptions['tls'][] = [true, 'RedisCloudFixed', { profile: 'RedisCloudFixed' }];

export const same: ShardedRedis = redis
  .on('shard', ({ name, address, state }: ShardChange) => [name.length, address.length, state === 'up'])
  .once('shard', (change) => change.state === 'quarantined')
  .on('message', (channel, message) => channel.length + message.length)
  .on('messageBuffer', (channel) => channel.readUInt8(0))
  .on('error', (error) => error.message)
  .on('select', (db) => db + 1)
  .on('ready', () => {})
  .on('anything', (...args) => args.length);
// refused: a misspelt state
redis.on('shard', ({ state }) => state === 'gone');
// refused: no such field
redis.on('shard', ({ nome }) => nome);

/** What libraries ask for. */
export function library(client: Redis): Promise<string | null> {
  return client.get('a');
}
export const value: Promise<string | null> = library(redis);
export const plain: Redis = redis.shard('a');
export const one: Promise<number> = redis.incr('a');
export const results = redis.pipeline().get('a').incr('b').exec();
export class Own extends ShardedRedis {}

export const partial: Partial<ShardedRedisOptions> = { service: 'cache', db: 3 };
`;

const REFUSED = [
  `host: 'x'`,
  `port: 6379`,
  `path: '/tmp/redis.sock'`,
  `sentinels: [{ host: 'a', port: 1 }]`,
  `name: 'mymaster'`,
  `role: 'slave'`,
  `sentinelPassword: 'x'`,
  `natMap: {}`,
  `readOnly: true`,
  `tls: 'false'`,
  `tls: { host: 'x' }`,
  `monitor: true`,
  `Connector: class {}`,
  `enableAutoPipelining: true`,
  `autoPipeliningIgnoredCommands: ['get']`,
  `autoResendUnfulfilledCommands: true`,
  `autoResubscribe: false`,
  `maxRetriesPerRequest: 3`,
  `onFailure: 'maybe'`,
  `quarantine: { waitMs: '5' }`,
  `handover: {}`,
  `probeInterval: 5`,
];

describe('the types of fairlead/redis, as an application has them', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-types-'));
    const out = join(folder, 'node_modules/fairlead/dist');
    await run(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', out]);
    await cp(join(root, 'package.json'), join(folder, 'node_modules/fairlead/package.json'));
    await mkdir(join(folder, 'node_modules/@types'), { recursive: true });
    await symlink(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
    await symlink(join(root, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'));
  }, 120_000);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each(['ioredis', 'ioredis5'])(
    'fit %s under exactOptionalPropertyTypes, and take no option that is refused at run time',
    async (driver) => {
      await rm(join(folder, 'node_modules/ioredis'), { force: true });
      await symlink(join(root, 'node_modules', driver), join(folder, 'node_modules/ioredis'));
      const lines = REFUSED.map((option) => `// refused\nnew ShardedRedis(mesh, { service: 'cache', ${option} });`);
      await writeFile(join(folder, 'program.ts'), `${PROGRAM}${lines.join('\n')}\n`);
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG));
      const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error: { stdout: string }) => error);
      const text = `${PROGRAM}${lines.join('\n')}`.split('\n');
      const refused = text.flatMap((line, i) => (line.startsWith('// refused') ? [i + 2] : []));
      const failed = [...stdout.matchAll(/^(.*?)\((\d+),\d+\): error/gm)].map(([, file, line]) =>
        file!.endsWith('program.ts') ? Number(line) : file!,
      );
      expect([...new Set(failed)]).toEqual(refused);
    },
    120_000,
  );
});

const CONFIG = {
  compilerOptions: {
    target: 'ES2023',
    lib: ['ES2023'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    noImplicitOverride: true,
    skipLibCheck: false,
    preserveSymlinks: false,
    noEmit: true,
  },
  include: ['program.ts'],
};
