import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { inspect } from 'node:util';
import { grpcCheck, httpCheck } from 'fairlead';
import { afterEach, describe, expect, it } from 'vitest';
import type { CheckTls } from '../../src/health/check-tls.js';

const pem = (name: string): string => readFileSync(new URL(`../grpc/tls/${name}.pem`, import.meta.url), 'utf8');
/** Signed by itself, for the names `echo` and `echo.example`: its own authority. */
const [cert, key] = [pem('cert'), pem('key')];

const running: Server[] = [];
const never = new AbortController().signal;

afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

async function listen(server: Server): Promise<{ host: string; port: number }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push(server);
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const https = (more: object = {}) =>
  listen(createServer({ cert, key, ...more }, (_request, response) => response.writeHead(200).end()));

/** Says SERVING, over HTTP/2. */
const grpcs = (more: object = {}) => {
  const server = createSecureServer({ cert, key, ...more });
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.of(0, 0, 0, 0, 2, 8, 1));
  });
  return listen(server as unknown as Server);
};

describe.each([
  ['httpCheck', httpCheck, https],
  ['grpcCheck', grpcCheck, grpcs],
] as const)('%s over TLS', (name, check, serve) => {
  const ask = async (options: CheckTls, more?: object): Promise<void> =>
    await check({ tls: true, ...options }).ask(await serve(more), never);

  it('fails on a certificate that nobody vouches for', async () => {
    await expect(ask({ serverName: 'echo' })).rejects.toThrow(/self.signed certificate/);
  });

  it('passes with the authority that signed it, and the name that it is for', async () => {
    await ask({ serverName: 'echo.example', ca: cert });
    await ask({ serverName: 'echo', ca: Buffer.from(cert) });
  });

  it('fails where the certificate is for another name: the host, unless told otherwise', async () => {
    await expect(ask({ ca: cert })).rejects.toThrow(/does not match certificate's altnames/);
    await expect(ask({ ca: cert, serverName: 'other' })).rejects.toThrow(/does not match certificate's altnames/);
  });

  it('passes whatever the certificate with verify false', async () => {
    await ask({ verify: false });
  });

  it('shows its own certificate where the server asks for one', async () => {
    const mutual = { requestCert: true, rejectUnauthorized: true, ca: cert };
    await ask({ serverName: 'echo', ca: cert, cert, key }, mutual);
    await expect(ask({ serverName: 'echo', ca: cert }, mutual)).rejects.toThrow();
  });

  it.each([
    [{ tls: false, ca: cert }, /\.ca means nothing without \w+\.tls: true/],
    [{ verify: false }, /\.verify means nothing without \w+\.tls: true/],
    [{ tls: true, cert }, /\.cert means nothing without \w+\.key/],
    [{ tls: true, key }, /\.key means nothing without \w+\.cert/],
    [{ tls: true, ca: 3 }, /\.ca is refused \(value not shown\): allowed is PEM/],
    [{ tls: true, ca: 'not a certificate' }, /ca, cert or key is refused \(values not shown\)/],
    [{ tls: true, cert, key: 'not a key' }, /ca, cert or key is refused \(values not shown\)/],
  ])('refuses what makes no sense: %#', (options, message) => {
    expect(() => check(options as never)).toThrow(message);
    expect(() => check(options as never)).toThrow(name);
  });

  it('shows no key and no header in an inspected check', () => {
    const made = check({
      tls: true,
      cert,
      key,
      ...(name === 'httpCheck' && { headers: { authorization: 'Bearer s3cret' } }),
    });
    const shown = inspect(made, { depth: 10, showHidden: true });
    expect(shown).not.toMatch(/s3cret|PRIVATE/);
    expect(JSON.stringify(made)).not.toMatch(/s3cret|PRIVATE/);
  });
});
