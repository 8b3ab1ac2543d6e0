import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Contender, Suite } from '../runner/suite.js';

/** Runs in a process of its own: what importing one module takes of the processor. */
const PROBE = `
const before = process.cpuUsage();
await import(process.argv[1]);
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1000);
`;

/** One operation is a new process; the figure is its CPU time, of all its threads. */
const importing = (module: string) => (): Contender => ({
  run: (operations) => {
    let cpuMs = 0;
    for (let i = 0; i < operations; i++) {
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROBE, module], {
        encoding: 'utf8',
      });
      cpuMs += Number(stdout);
    }
    return { cpuMs: cpuMs / operations };
  },
});

// The runner builds the package into dist before this runs from dist-bench.
const built = (path: string): string => join(import.meta.dirname, '..', 'dist', path);
const EMPTY = 'data:text/javascript,';

export const suite: Suite = {
  about: "what importing each door costs, beside an empty module and the drivers' own",
  rounds: 15,
  cases: [
    {
      title: 'import',
      operations: 1,
      baseline: 'an empty module',
      measure: 'cpuMs',
      warmups: 1,
      contenders: {
        'an empty module': importing(EMPTY),
        fairlead: importing(built('src/index.js')),
        'fairlead/resilience': importing(built('src/resilience/index.js')),
        'fairlead/hashing': importing(built('src/hashing/index.js')),
        '@grpc/grpc-js': importing('@grpc/grpc-js'),
        'fairlead/grpc': importing(built('adapters/grpc/index.js')),
        mysql2: importing('mysql2'),
        'fairlead/mysql': importing(built('adapters/mysql/index.js')),
        ioredis: importing('ioredis'),
        'fairlead/redis': importing(built('adapters/redis/index.js')),
      },
    },
  ],
};
