import { FairleadError } from '../../runtime/errors.js';
import { invalidOption } from '../../runtime/options.js';

/** Where an agent listens. */
export interface AgentAddress {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** The path of a Unix domain socket, in place of host and port. */
  readonly socketPath: string | undefined;
  /** A path in front of `/v1`, '' for none: agents behind a reverse proxy. */
  readonly prefix: string;
}

/** The agent's default, as the Consul CLI has it. */
export const DEFAULT_ADDRESS = '127.0.0.1:8500';

/**
 * Reads `host:port`, `http://…`, `https://…` or `unix:///path`, as CONSUL_HTTP_ADDR does. A host
 * without a port means the port of the scheme, 80 or 443: so does the CLI. `secure` applies where
 * no scheme is written. Throws FAIRLEAD_INVALID_OPTION; an address with a user and password in it
 * is refused without being shown.
 */
export function parseAddress(address: string, secure: boolean, name: string): AgentAddress {
  if (address.startsWith('unix://')) {
    const socketPath = address.slice('unix://'.length);
    if (socketPath === '') throw refused(name, address);
    return { secure: false, host: 'localhost', port: 0, socketPath, prefix: '' };
  }
  const url = parseUrl(address.includes('://') ? address : `${secure ? 'https' : 'http'}://${address}`);
  if (url === undefined || url.search !== '' || url.hash !== '') throw refused(name, address);
  if (url.username !== '' || url.password !== '') {
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `${name} has a user or password in it (value not shown): give them as auth, or in CONSUL_HTTP_AUTH.`,
    );
  }
  const https = url.protocol === 'https:';
  return {
    secure: https,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (https ? 443 : 80) : Number(url.port),
    socketPath: undefined,
    prefix: url.pathname.replace(/\/+$/, ''),
  };
}

/** For messages: where we talk to. */
export function showAddress({ socketPath, host, port }: AgentAddress): string {
  return socketPath ?? (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
}

/** True where nothing is gained by compressing. */
export function isLocal({ socketPath, host }: AgentAddress): boolean {
  return socketPath !== undefined || host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function parseUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '' ? url : undefined;
}

function refused(name: string, address: string): FairleadError {
  return invalidOption(name, address, 'host:port, http://host:port, https://host:port or unix:///path');
}
