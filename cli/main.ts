#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import type { Io } from './command.js';
import { COMMANDS } from './commands.js';
import { run } from './run.js';

const stopped = new AbortController();
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
let exitCode: number | undefined;
for (const [name, code] of Object.entries(SIGNALS)) {
  process.on(name, () => {
    // The second one does not wait for anything.
    if (stopped.signal.aborted) process.exit(code);
    exitCode = code;
    stopped.abort();
  });
}
// Whoever reads has read enough: `fairlead … | head`.
process.stdout.on('error', () => process.exit(0));

const { stdout, env } = process;
const isTerminal = stdout.isTTY === true && env.TERM !== 'dumb';
const io: Io = {
  out: (text) => void stdout.write(text),
  err: (text) => void process.stderr.write(text),
  color: env.FORCE_COLOR !== undefined ? env.FORCE_COLOR !== '0' : isTerminal && (env.NO_COLOR ?? '') === '',
  isTerminal,
  get columns() {
    return stdout.columns ?? 80;
  },
  get rows() {
    return stdout.rows ?? 24;
  },
  env,
  signal: stopped.signal,
  commands: COMMANDS,
};

/** From the sources and from the package, it lies beside a different number of folders. */
function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version: own } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (name === 'fairlead') return own;
    } catch {
      // Then it is the other one.
    }
  }
  return 'unknown';
}

const code = await run(process.argv.slice(2), io, version());
process.exitCode = exitCode ?? code;
// What was written is read by then; timers and sockets of what is over hold nothing up.
stdout.write('', () => process.exit());
