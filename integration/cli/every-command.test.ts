import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createAdmin } from 'fairlead/admin';
import { createPool } from 'fairlead/mysql/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../cli/commands.js';
import { recordedFlight } from './recorded-flight.js';
import { BuiltCommand, file, inTerminal, piped } from './support.js';

let built: BuiltCommand;
let mesh: Mesh;
let url: string;

beforeAll(async () => {
  built = new BuiltCommand();
  mesh = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1', '10.0.0.2:1'], db: ['127.0.0.1:1'] }) });
  mesh.service('users', { policy: 'rendezvous' });
  createPool(mesh, { service: 'db', user: 'nobody' });
  const admin = createAdmin(mesh);
  await admin.listen();
  url = admin.address!;
});
afterAll(async () => {
  built[Symbol.dispose]();
  await mesh.close({ deadlineMs: 0 });
});

const WITHOUT_PACKAGES = { NODE_OPTIONS: `--import ${join(import.meta.dirname, 'without-packages.mjs')}` };
const json = (name: string, value: unknown): string => file(name, JSON.stringify(value));
const RESOLVER = { static: { users: ['127.0.0.1:5001'] } };
const config = (policy: string): string => json('a.json', { resolver: RESOLVER, services: { users: { policy } } });

type Call = readonly [name: string, args: () => readonly string[], code?: number];

/** Each once or more, so that it ends by itself, with the exit code that it then has. */
const calls: readonly Call[] = [
  ['demo', () => ['--seconds', '1']],
  ['top', () => ['--admin', url, '--once']],
  ['watch', () => ['users', '--admin', url, '--once']],
  ['watch', () => ['users', '--config', config('random'), '--once']],
  ['explain', () => ['users', '--admin', url, '--key', 'ada']],
  ['explain', () => ['db', '--admin', url, '--sql', 'SELECT 1']],
  ['check', () => [config('random')]],
  ['check', () => [config('nothing')], 1],
  ['diff', () => [config('random'), config('random')]],
  ['diff', () => [config('random'), config('round_robin')], 1],
  ['ring', () => ['k', '--nodes', 'a,b', '--add', 'c']],
  ['ring', () => ['k', '--admin', url, '--service', 'users']],
  ['ring', () => ['--nodes', 'a,b', '--add', 'c']],
  ['route', () => ['SELECT 1']],
  ['simulate', () => ['--policy', 'random', '--seconds', '15']],
  ['simulate', () => ['--policy', 'random', '--flight', json('f.json', recordedFlight())]],
  ['completion', () => ['bash']],
];

describe('every command', () => {
  it('has a file, a line in the table and, but for the gateway that goes on, a row here', () => {
    const rows = new Set(calls.map(([name]) => name));
    expect(Object.keys(COMMANDS).filter((name) => !rows.has(name))).toEqual(['gateway']);
    const files = readdirSync(join(import.meta.dirname, '../../cli'));
    expect(Object.keys(COMMANDS).filter((name) => !files.includes(`${name}.ts`))).toEqual([]);
  });

  it.each(calls.map(([name, args, code = 0]) => [name, args, code] as const))(
    '%s runs in a terminal, and prints JSON for programs, without any optional package',
    async (name, args, code) => {
      const given = [name, ...args()];
      const [shown, { code: same, out }] = await Promise.all([
        inTerminal(given, { NO_COLOR: '1' }),
        piped([...given, '--json'], WITHOUT_PACKAGES),
      ]);
      expect([shown.code, shown.out.length > 0], shown.out).toEqual([code, true]);
      expect(same, out).toBe(code);
      // A stream of it is a line each.
      const texts = name === 'demo' ? out.trim().split('\n') : [out];
      for (const text of texts) expect(typeof JSON.parse(text), text.slice(0, 200)).toBe('object');
    },
  );

  it.each([
    ['undici', () => ['gateway', json('g.json', { resolver: RESOLVER, gateway: { routes: [] } })]],
    ['yaml', () => ['check', file('a.yaml', 'services: {}\n')]],
    [
      '@grpc/grpc-js',
      () => [
        'watch',
        'users',
        '--once',
        '--config',
        json('e.json', { resolver: { etcd: { address: '127.0.0.1:1' } } }),
      ],
    ],
  ])('what needs %s says so', async (name, args) => {
    const { code, out } = await piped(args(), WITHOUT_PACKAGES);
    expect(out).toContain(`npm install ${name}`);
    expect(code).toBe(2);
  });
});
