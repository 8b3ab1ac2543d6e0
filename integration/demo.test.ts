import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
async function runDemo(env: Readonly<Record<string, string>>, onOutput?: (output: string, group: number) => void) {
  const startMs = performance.now();
  const child = spawn('npm', ['run', 'demo'], {
    cwd: ROOT,
    // In CI the colour library would colour the lines even without a terminal.
    env: { ...process.env, NO_COLOR: '1', ...env },
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
  return { code, output, seconds, left: await remains(child.pid!, output) } satisfies Run;
}

/**
 * What of it is still there a moment later: its process group, or the Consul agent, which has a
 * group of its own.
 */
async function remains(group: number, output: string): Promise<string[]> {
  const agent = /Consul agent at (127\.0\.0\.1:\d+)/.exec(output)?.[1];
  const deadline = Date.now() + 5_000;
  for (;;) {
    const left: string[] = [];
    if (groupExists(group)) left.push(`process group ${group}`);
    if (agent !== undefined && (await answers(agent))) left.push(`Consul agent at ${agent}`);
    if (left.length === 0 || Date.now() > deadline) return left;
    await sleep(100);
  }
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
});
