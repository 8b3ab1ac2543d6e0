// One service of a chain, in a process of its own: answers by what the next one answers, is
// registered while it runs, and ends in order at SIGTERM. Argument, as JSON: { service, next,
// address, token }.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { closeOnSignals, createMesh } from 'fairlead';
import { consulRegistrar, consulResolver } from 'fairlead/consul';
import { createDispatcher } from 'fairlead/http';
import { request } from 'undici';

const { service, next, address } = JSON.parse(process.argv[2]!) as { service: string; next?: string; address: string };
const consul = { address, env: {} };
const registrar = consulRegistrar(consul);
const mesh = createMesh({ resolver: consulResolver(consul), registrars: [registrar] });
const dispatcher = createDispatcher(mesh);

async function answer(): Promise<string> {
  if (next === undefined) return service;
  const { statusCode, body } = await request(`http://${next}/`, { dispatcher });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(text);
  return `${service} ${text}`;
}

const server = createServer((_, response) => {
  answer().then(
    (text) => response.end(text),
    (error: Error) => response.writeHead(502).end(`${service}: ${error.message}`),
  );
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
if (next !== undefined) await mesh.service(next).ready();
const { port } = server.address() as AddressInfo;
await registrar.register({ service, id: `${service}-${process.pid}`, host: '127.0.0.1', port });
closeOnSignals(mesh, {
  deadlineMs: 20_000,
  drain: () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    return closed;
  },
});
process.send!('up');
