import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startDnsmasq, startEtcd } from './harness/index.js';
import { startServers } from './redis/support.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What each example must print. A new example needs a line here. */
const EXPECTED: Readonly<Record<string, readonly RegExp[]>> = {
  'canary.ts': [
    /^version 2 begins with 20 %$/m,
    /^users: rolled_back, 0 %$/m,
    /^because n of n calls failed, against n of n /m,
    /^version 2\.1 begins with 20 %\nusers: running, 100 %\nusers: passed, 100 %$/m,
    /^share of version 2\.1: 100 %$/m,
  ],
  'config.ts': [
    /^version 1: resolver \(rebuild\), services \(live\)$/m,
    /^version 2: services\.users\.policy \(rebuild\)$/m,
    /^refused file 7:5 {2}services\.users\.polcy is not an option: .* Did you mean policy\?$/m,
    /^in force: version 3, rollback to 1$/m,
    /^differs from version 2 by services\.users\.policy$/m,
    /^calls failed: 0 of many$/m,
  ],
  'dns.ts': [
    /^users\.test has 127\.0\.0\.1, 127\.0\.0\.2$/m,
    /^answered: 127\.0\.0\.1, 127\.0\.0\.2; failed: 0 of 20$/m,
    /^FAIRLEAD_NO_ENDPOINT: FAIRLEAD_UNLISTED$/m,
  ],
  'etcd.ts': [/^served by a, b, c$/m, /^one is not well: served by a, c$/m, /^one left: served by c$/m],
  'fetch.ts': [/^served by a, b, c; 0 of 300 failed$/m],
  'file.ts': [
    /^served by a, b$/m,
    /^after the edit by b, c$/m,
    /^refused: services\.yaml: users\[1\] is "nonsense": .*\nstill served by b, c$/m,
  ],
  'gateway.ts': [
    /^rewritten: users \/users\/7$/m,
    /^redirected: 308 \/api\/users\/7$/m,
    /^limited: orders \/api\/orders\/1, orders \/api\/orders\/2, 429 $/m,
    /^unknown: 404 $/m,
    /^after setRoutes: now it is$/m,
    /^one of two servers gone: 0 of 100 failed$/m,
  ],
  'gateway-config.ts': [
    /^users: users \/users\/7$/m,
    /^orders: orders \/api\/orders\/1$/m,
    /^old path: 308$/m,
    /^after the edit: 404, orders \/api\/v2\/orders\/1$/m,
  ],
  'grpc.ts': [/^served by a, b, c$/m],
  'lanes.ts': [
    /^no lane: orders, stock$/m,
    /^feature-x: orders, stock of feature-x$/m,
    /^a lane that nobody is in: orders, stock$/m,
  ],
  'redis.ts': [
    /^100 keys on 3 shards$/m,
    /^read in order: true$/m,
    /^transaction: \[\[null,"OK"\],\[null,2\]\]$/m,
    /^refused: FAIRLEAD_CROSS_SHARD$/m,
  ],
  'shutdown.ts': [/^after SIGTERM: nothing more is taken\nin progress: 20 of 20 answered\nended by SIGTERM$/m],
  'tcp.ts': [/^served by a, b, c; 0 of 300 failed$/m],
  'static.ts': [/^ejected 127\.0\.0\.1:\d+$/m, /^answers: \{"a":\d+,"b":\d+,"c":\d+\}, failed: 0 of 300$/m],
};

/** Examples that need servers are tested beside the other tests of those. */
const TESTED_ELSEWHERE: ReadonlySet<string> = new Set(['mysql.ts']);

/** Those that need servers of ours: they are started, and given as arguments. */
const SERVED: Readonly<Record<string, (example: string) => Promise<string>>> = {
  'redis.ts': async (example) => {
    await using servers = await startServers();
    return await runWith(
      example,
      servers.servers.map(({ address }) => address),
    );
  },
  'etcd.ts': async (example) => {
    await using etcd = await startEtcd();
    return await runWith(example, [etcd.address]);
  },
  'dns.ts': async (example) => {
    await using dns = await startDnsmasq({ hosts: { 'users.test': ['127.0.0.1', '127.0.0.2'] } });
    const server = createServer((_request, response) => response.end()).listen(0);
    await once(server, 'listening');
    try {
      return await runWith(example, [dns.address, 'users.test', String((server.address() as AddressInfo).port)]);
    } finally {
      server.close();
    }
  },
};

/** Runs it as its comment tells the reader to. */
function run(example: string): Promise<string> {
  return SERVED[example]?.(example) ?? runWith(example, []);
}

async function runWith(example: string, given: readonly string[]): Promise<string> {
  const args = ['--import', 'tsx', '--conditions=fairlead-source', `examples/${example}`, ...given];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 50_000 });
  return stdout;
}

describe('examples', () => {
  it.each(readdirSync(`${ROOT}/examples`).filter((name) => name.endsWith('.ts') && !TESTED_ELSEWHERE.has(name)))(
    '%s does what it says',
    async (name) => {
      const output = await run(name);
      const expected = EXPECTED[name];
      expect(expected, `examples/${name} is not described in this test`).toBeDefined();
      for (const line of expected ?? []) expect(output).toMatch(line);
    },
  );
});
