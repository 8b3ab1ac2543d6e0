import type { Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Peer } from './client.js';

/** Of connections, which have many requests: hosts that their certificate is for, or is not. */
const judged = new WeakMap<Socket, Map<string, boolean>>();
const MAX_HOSTS = 100;

/**
 * Whether a request came to the wrong place (RFC 9110, 7.4 and 15.5.20): over TLS by one name, for
 * a host of another one that the certificate shown is not for. A client that merges connections, or
 * one that hides what it asks for. A trusted proxy may; a client that named no host by SNI too.
 */
export function isMisdirected(socket: Socket, peer: Peer, host: string): boolean {
  if (!peer.secure || peer.trusted || host === '') return false;
  const secure = socket as TLSSocket & { readonly servername?: string | false | null };
  const { servername } = secure;
  if (typeof servername !== 'string' || servername === '' || servername.toLowerCase() === host) return false;
  const hosts = judged.get(socket) ?? new Map<string, boolean>();
  judged.set(socket, hosts);
  let wrong = hosts.get(host);
  if (wrong === undefined) {
    const certificate = secure.getCertificate() as PeerCertificate | null;
    wrong = certificate === null || checkServerIdentity(host, certificate) !== undefined;
    if (hosts.size < MAX_HOSTS) hosts.set(host, wrong);
  }
  return wrong;
}
