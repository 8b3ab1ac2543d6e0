import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startEmbeddedRegistry } from '../examples/demo/embedded-registry.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

/** Code blocks of a page that are meant to be copied. */
function snippets(page: string): string[] {
  return [...readFileSync(`${ROOT}/${page}`, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code!);
}

describe('README.md', () => {
  it('has an example that runs as it stands, with a registry and a server to find', async () => {
    const registry = await startEmbeddedRegistry();
    const server = createServer((request, response) => response.end(`hello from ${request.url}`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const body = JSON.stringify({ ID: 'users-1', Name: 'users', Address: '127.0.0.1', Port: port });
      await fetch(`http://${registry.address}/v1/agent/service/register`, { method: 'PUT', body });
      const args = [
        '--import',
        'tsx',
        '--conditions=fairlead-source',
        '--input-type=module',
        '-e',
        snippets('README.md')[0]!,
      ];
      const env = { ...process.env, CONSUL_HTTP_ADDR: registry.address };
      const { stdout } = await run(process.execPath, args, { cwd: ROOT, env, timeout: 30_000 });
      expect(stdout.trim()).toBe('hello from /users/1');
    } finally {
      server.closeAllConnections();
      server.close();
      await registry.close();
    }
  });

  it('is short enough to be read', () => {
    expect(readFileSync(`${ROOT}/README.md`, 'utf8').split('\n').length).toBeLessThanOrEqual(130);
  });
});

describe('documentation', () => {
  it('links to pages that exist', () => {
    for (const page of ['README.md', 'docs/getting-started.md', 'docs/errors.md', 'docs/architecture.md']) {
      const text = readFileSync(`${ROOT}/${page}`, 'utf8');
      for (const [, link] of text.matchAll(/\]\((?!https?:)([^)#]*)[^)]*\)/g)) {
        if (link !== '')
          expect(() => statSync(new URL(link!, `file://${ROOT}/${page}`)), `${page}: ${link}`).not.toThrow();
      }
    }
  });
});
