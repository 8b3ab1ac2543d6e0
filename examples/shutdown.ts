import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { closeOnSignals, createMesh, staticResolver } from 'fairlead';

/**
 * A server that ends in order at SIGTERM: it takes no more requests, those in progress get their
 * answers, which need calls of their own, and then the process ends by the signal. The program is
 * both: without arguments it starts itself as that server, and ends it in the middle of its work.
 *
 *     npx tsx --conditions=fairlead-source examples/shutdown.ts
 */
const [backend] = process.argv.slice(2);
if (backend === undefined) await watchItEnd();
else await serveUntilSignal(backend);

async function serveUntilSignal(address: string): Promise<void> {
  // With a registry, `createMesh({ registrars })`: an instance is taken out before all else.
  const mesh = createMesh({ resolver: staticResolver({ backend: [address] }) });
  const server = createServer(async (_request, response) => {
    const text = await mesh
      .service('backend')
      .call(({ spec }, signal) => fetch(`http://${spec.host}:${spec.port}/`, { signal }).then((each) => each.text()));
    response.end(text);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  closeOnSignals(mesh, {
    deadlineMs: 20_000,
    drain: () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      return closed;
    },
  });
}

async function watchItEnd(): Promise<void> {
  const waiting: (() => void)[] = [];
  const slow = createServer((_request, response) => waiting.push(() => response.end('done')));
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  const child = fork(fileURLToPath(import.meta.url), [`127.0.0.1:${(slow.address() as AddressInfo).port}`]);
  const [port] = (await once(child, 'message')) as [number];
  const get = (): Promise<string> => fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());

  const requests = Promise.allSettled(Array.from({ length: 20 }, get));
  while (waiting.length < 20) await once(slow, 'request');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  while (await connects(port));
  console.log('after SIGTERM: nothing more is taken');
  for (const answer of waiting) answer();
  const answered = (await requests).filter((each) => each.status === 'fulfilled' && each.value === 'done');
  console.log(`in progress: ${answered.length} of 20 answered`);
  const [, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  console.log(`ended by ${signal}`);
  slow.closeAllConnections();
  slow.close();
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
