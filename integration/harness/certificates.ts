import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetchPackages } from './native/fetch.js';
import { programIn } from './native/program.js';
import { serverFolder } from './native/run-folder.js';

const run = promisify(execFile);
const CONSUL = { name: 'consul', suite: 'bullseye', packages: ['consul'] };

/** Files of a server certificate and of the authority that signed it. */
export interface Certificates {
  readonly ca: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** The host name in the certificate; the address in it is 127.0.0.1. */
  readonly name: string;
}

/**
 * A throw-away certificate authority and a certificate for servers of a data centre, made by the
 * one tool for it that is at hand: Consul.
 */
export async function makeCertificates(dc = 'dc1'): Promise<Certificates> {
  const root = await fetchPackages(CONSUL);
  const cwd = serverFolder('certificates');
  const [program, ...args] = programIn(root, 'usr/bin/consul') as [string, ...string[]];
  await run(program, [...args, 'tls', 'ca', 'create'], { cwd });
  const create = ['tls', 'cert', 'create', '-server', `-dc=${dc}`, '-additional-ipaddress=127.0.0.1'];
  await run(program, [...args, ...create], { cwd });
  const file = (name: string): string => join(cwd, `${dc}-server-consul-0${name}.pem`);
  const caFile = join(cwd, 'consul-agent-ca.pem');
  const ca = await readFile(caFile, 'utf8');
  return { ca, caFile, certFile: file(''), keyFile: file('-key'), name: `server.${dc}.consul` };
}
