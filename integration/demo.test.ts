import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly seconds: number;
  /** What of the demo was still there afterwards. */
  readonly left: readonly string[];
}

/**
 * Runs the demo without a terminal, in a process group of its own so that what it leaves can be
 * found.
 */
async function runDemo(
  env: Readonly<Record<string, string>>,
  onOutput?: (output: string, group: number) => void,
  args: readonly string[] = [],
) {
  const startMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-test-demo-'));
  const child = spawn('npm', ['run', 'demo', '--', ...args], {
    cwd: ROOT,
    // In CI the colour library would colour the lines even without a terminal.
    env: { ...process.env, NO_COLOR: '1', TMPDIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      onOutput?.(output, child.pid!);
    });
  }
  const [code] = (await once(child, 'exit')) as [number | null];
  const seconds = (performance.now() - startMs) / 1_000;
  const left = await remains(child.pid!, output, folder);
  rmSync(folder, { recursive: true, force: true });
  return { code, output, seconds, left } satisfies Run;
}

/**
 * What of it is still there a moment later: its process group, the servers that have groups of
 * their own, and what they kept.
 */
async function remains(group: number, output: string, folder: string): Promise<string[]> {
  const agent = /Consul agent at (127\.0\.0\.1:\d+)/.exec(output)?.[1];
  const deadline = Date.now() + 5_000;
  for (;;) {
    const left = [...readdirSync(folder).filter((name) => name.startsWith('fairlead-demo-')), ...processesIn(folder)];
    if (groupExists(group)) left.push(`process group ${group}`);
    if (agent !== undefined && (await answers(agent))) left.push(`Consul agent at ${agent}`);
    if (left.length === 0 || Date.now() > deadline) return left;
    await sleep(100);
  }
}

/** Linux alone says where a process is at work. */
function processesIn(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false;
    }
  });
}

function groupExists(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch {
    return false;
  }
}

function answers(address: string): Promise<boolean> {
  return fetch(`http://${address}/v1/status/leader`).then(
    () => true,
    () => false,
  );
}

describe('npm run demo', () => {
  it('ends within a minute, says how many calls failed, and leaves nothing running', { timeout: 90_000 }, async () => {
    const { code, output, seconds, left } = await runDemo({});
    expect(output).toMatch(/\n\d+ of \d+ calls failed \(\d+\.\d\d %\)/);
    expect(output).not.toMatch(/^NO /m);
    expect(code, output).toBe(0);
    expect(seconds).toBeLessThan(60);
    expect(left).toEqual([]);
  });

  it('leaves nothing running when it is interrupted while a server hangs', { timeout: 90_000 }, async () => {
    let interrupted = false;
    const { code, output, left } = await runDemo({ DEMO_REGISTRY: 'embedded' }, (seen, group) => {
      if (interrupted || !seen.includes('Hanging cedar')) return;
      interrupted = true;
      // As a terminal does on Ctrl-C: the whole group gets it.
      process.kill(-group, 'SIGINT');
    });
    expect(output).toContain('embedded registry');
    expect(code, output).not.toBe(0);
    expect(left).toEqual([]);
  });

  it('calls HTTP, Redis and MySQL too, shows them on its page, and leaves none of it running', {
    timeout: 120_000,
  }, async () => {
    let seen: Promise<Seen> | undefined;
    const { output, left } = await runDemo(
      { DEMO_REGISTRY: 'embedded' },
      (said, group) => {
        const page = /page: (http:\S+)/.exec(said)?.[1];
        if (page === undefined || seen !== undefined || !said.includes('== Four servers')) return;
        seen = lookAt(page).finally(() => process.kill(-group, 'SIGINT'));
      },
      ['--page'],
    );
    const { services, parts } = await seen!;
    expect(Object.keys(services)).toContain('users');
    // What this machine has no servers of is named, and missed by nothing.
    for (const [name, service, part] of [
      ['HTTP', 'catalog', 'http dispatcher'],
      ['Redis', 'sessions', 'redis sessions'],
      ['MySQL', 'orders', 'mysql orders'],
    ] as const) {
      if (new RegExp(`without ${name}: no `).test(output)) continue;
      expect(output).toContain(`${service} (`);
      expect(services[service]!.ready, service).toBeGreaterThan(1);
      expect(Object.keys(parts)).toContain(part);
    }
    expect(output).not.toContain('it did not start');
    expect(left).toEqual([]);
  });
});

interface Seen {
  readonly services: Readonly<Record<string, { readonly ready: number }>>;
  readonly parts: Readonly<Record<string, unknown>>;
}

async function lookAt(page: string): Promise<Seen> {
  return (await (await fetch(`${page}api/state`)).json()) as Seen;
}
