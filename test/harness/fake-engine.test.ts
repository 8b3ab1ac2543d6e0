import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sqlServersInContainers } from '../../integration/harness/container/sql-servers.js';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'fairlead-engine-'));
const log = join(folder, 'log');
/** A container engine that runs nothing: it writes down what it is asked, with its variables. */
const engine = join(folder, 'engine');
writeFileSync(
  engine,
  `#!/bin/sh
echo "$@" >> ${log}
env | grep -E '^(MYSQL|MARIADB)_' | sort | tr '\\n' ' ' >> ${log}.env
case "$*" in *' ps -q '*) echo c0ffee ;; inspect*) echo 4711 ;; esac
`,
);
chmodSync(engine, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('servers in containers, by an engine that only writes down what it is asked', () => {
  it.each(['mysql', 'mariadb'] as const)(
    '%s: a primary and its replicas are services of one project',
    async (family) => {
      writeFileSync(log, '');
      writeFileSync(`${log}.env`, '');
      const parts = await sqlServersInContainers(engine, family, 3, ['--a=1', '--b=2']);
      for (const { instance } of parts) await instance.start();
      expect(parts.map(({ peerHost }) => peerHost)).toEqual(
        ['primary', 'replica-1', 'replica-2'].map((role) => `${family}-${role}`),
      );
      expect(parts.every(({ instance }) => instance.pid === 4711)).toBe(true);
      await parts[0]!.instance.dispose();

      const asked = readFileSync(log, 'utf8').trim().split('\n');
      const project = /^compose -p (\S+) -f \S+docker-compose\.test\.yml /.exec(asked[0]!)![1]!;
      const ours = asked.map((line) => line.replace(/^compose -p (\S+) -f \S+docker-compose\.test\.yml /, '$1: '));
      const started = parts.flatMap(({ peerHost }) => [
        `${project}: up -d --wait --no-deps ${peerHost}`,
        `${project}: ps -q ${peerHost}`,
        'inspect --format {{.State.Pid}} c0ffee',
      ]);
      expect(ours).toEqual([...started, `${project}: down -v -t 0`]);
      const upper = family.toUpperCase();
      const variables = readFileSync(`${log}.env`, 'utf8');
      expect(variables).toContain(`${upper}_ARGS=--a=1 --b=2`);
      for (const [i, name] of ['PORT', 'REPLICA_1_PORT', 'REPLICA_2_PORT'].entries())
        expect(variables).toContain(`${upper}_${name}=${parts[i]!.port}`);
    },
  );
});

describe('the variables of docker-compose.test.yml', () => {
  const used = new Set(
    [...readFileSync(`${root}docker-compose.test.yml`, 'utf8').matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name]) => name!),
  );
  const harness = ['integration/harness', 'integration/harness/container']
    .flatMap((room) => readdirSync(root + room).map((name) => `${root}${room}/${name}`))
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  // By hand `up` starts three Redis; the harness takes one of them, in a project of its own.
  const BY_HAND = ['REDIS_2_PORT', 'REDIS_3_PORT'];

  it('are all set by the harness', () => {
    const families = harness.matchAll(/\$\{upper\}(_[A-Z0-9_]+)/g);
    const ofFamilies = [...families].flatMap(([, rest]) => [`MYSQL${rest}`, `MARIADB${rest}`]);
    const named = harness.matchAll(/\b((?:CONSUL|ETCD|REDIS|PROMETHEUS|PEER)_[A-Z0-9_]+|REPOSITORY)\b(?=[:,\s}])/g);
    const set = new Set([...ofFamilies, ...[...named].map(([, name]) => name!)]);
    expect([...used].filter((name) => !set.has(name)).sort()).toEqual(BY_HAND);
    expect(ofFamilies.filter((name) => !used.has(name))).toEqual([]);
  });
});
