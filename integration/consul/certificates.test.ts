import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../harness/index.js';

const pem = (name: string): string => readFileSync(new URL(`../security/tls/${name}.pem`, import.meta.url), 'utf8');

/** Answers as an agent with `verify_incoming`, with its own certificate and for ours. */
async function startAgent(certificate: string, clients: string): Promise<{ server: Server; asked: string[] }> {
  const asked: string[] = [];
  const tls = { cert: pem(`${certificate}-cert`), key: pem(`${certificate}-key`), requestCert: true };
  const server = createServer({ ...tls, ca: clients, rejectUnauthorized: true }, (request, response) => {
    asked.push((request.socket as TLSSocket).getPeerCertificate().fingerprint256 ?? '');
    const Service = { ID: 'a', Service: 'users', Address: '127.0.0.1', Port: 5_001, Tags: [], Meta: {} };
    response.writeHead(200, { 'x-consul-index': String(asked.length) });
    response.end(JSON.stringify([{ Node: { Node: 'n', Address: '127.0.0.1' }, Service, Checks: [] }]));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, asked };
}

it('certificates that are replaced on disk are those of the next connection, when those before are refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-consul-tls-'));
  const put = (certificate: string): void => {
    for (const part of ['cert', 'key']) {
      writeFileSync(join(folder, 'new'), pem(`${certificate}-${part}`));
      renameSync(join(folder, 'new'), join(folder, `${part}.pem`));
    }
  };
  // An authority of its own: what `stranger` is signed by is not `ca`, and is not here.
  put('stranger');
  writeFileSync(join(folder, 'ca.pem'), pem('ca'));
  const { server, asked } = await startAgent('good', pem('ca'));
  const env = {
    CONSUL_HTTP_ADDR: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    CONSUL_CACERT: join(folder, 'ca.pem'),
    CONSUL_CLIENT_CERT: join(folder, 'cert.pem'),
    CONSUL_CLIENT_KEY: join(folder, 'key.pem'),
  };
  const mesh = createMesh({ resolver: consulResolver({ env, maxBackoffMs: 50 }) });
  onTestFinished(async () => {
    await mesh.close();
    server.closeAllConnections();
    server.close();
  });
  const users = mesh.service('users');
  const errors: Error[] = [];
  users.on('error', (error) => errors.push(error));
  await until('it is refused', () => errors.length > 0);
  expect(asked).toEqual([]);
  put('good');
  await until('it is let in', () => users.endpoints.length === 1);
});
