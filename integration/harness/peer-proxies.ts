import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseBackend } from './backend.js';
import { canConnect } from './can-connect.js';
import { ComposeProject } from './container/compose.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
import { serverFolder } from './native/run-folder.js';
import { freePort } from './ports.js';
import { type Instance, Server } from './server.js';

const HOST = '127.0.0.1';

/** A reverse proxy that another project made, over servers on this machine. */
export class PeerProxy extends Server {
  private constructor(instance: Instance, port: number) {
    super(instance, HOST, port);
  }

  /** @internal use startNginx() or startHaproxy() */
  static async launch(instance: Instance, port: number): Promise<PeerProxy> {
    const server = new PeerProxy(instance, port);
    await server.start();
    return server;
  }

  protected async ready(): Promise<void> {
    await this.untilUp(`a proxy listens on ${this.address}`, () => canConnect(this.port));
  }
}

interface Peer {
  readonly name: 'nginx' | 'haproxy';
  readonly file: string;
  /** `data`: a folder that it may write to. */
  readonly config: (data: string, port: number, ports: readonly number[]) => string;
  readonly flags: (data: string) => readonly string[];
}

/** A container of it has the network of this machine, so that it finds servers of the tests. */
async function start({ name, file, config, flags }: Peer, ports: readonly number[]): Promise<PeerProxy> {
  const backend = chooseBackend();
  const port = await freePort(HOST);
  if (backend.kind === 'container') {
    const folder = serverFolder(name);
    writeFileSync(join(folder, file), config('/tmp', port, ports));
    return await PeerProxy.launch(new ComposeProject(backend.engine, { PEER_CONFIG: folder }).service(name), port);
  }
  const root = await fetchPackages({ name, suite: 'bookworm', packages: [name] });
  const instance = new NativeProcess({
    name,
    prepare: (data) => writeFileSync(join(data, file), config(data, port, ports)),
    command: (data) => [...programIn(root, `usr/sbin/${name}`), ...flags(data)],
  });
  return await PeerProxy.launch(instance, port);
}

/** nginx before these ports, one process, as its manual sets up a proxy of HTTP/1.1. */
export function startNginx(ports: readonly number[]): Promise<PeerProxy> {
  const file = 'nginx.conf';
  const flags = (data: string): string[] => ['-p', data, '-c', join(data, file), '-e', 'stderr'];
  return start({ name: 'nginx', file, flags, config: nginxConfig }, ports);
}

/** HAProxy before these ports, one thread, as its manual sets up a proxy of HTTP. */
export function startHaproxy(ports: readonly number[]): Promise<PeerProxy> {
  const file = 'haproxy.cfg';
  const flags = (data: string): string[] => ['-db', '-f', join(data, file)];
  return start({ name: 'haproxy', file, flags, config: haproxyConfig }, ports);
}

const nginxConfig: Peer['config'] = (data, port, ports) => `
daemon off;
master_process off;
pid ${data}/pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${data}/${each};`).join('\n  ')}
  keepalive_requests 1000000;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream users {
    ${ports.map((each) => `server ${HOST}:${each} max_fails=0;`).join('\n    ')}
    keepalive 64;
    keepalive_requests 1000000;
  }
  server {
    listen ${HOST}:${port};
    location / {
      proxy_pass http://users;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`;

const haproxyConfig: Peer['config'] = (_data, port, ports) => `
global
  nbthread 1
defaults
  mode http
  option forwardfor
  retries 1
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend in
  bind ${HOST}:${port}
  default_backend users
backend users
  balance roundrobin
  http-reuse always
${ports.map((each, i) => `  server s${i} ${HOST}:${each}`).join('\n')}
`;
