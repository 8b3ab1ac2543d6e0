import type { Socket } from 'node:net';
import { BlockList, isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { optionReaders } from '../../../src/adapter.js';

const { invalidOption } = optionReaders;

/** Whose word on addresses is believed: addresses and networks. */
export interface TrustedPeers {
  has(address: string): boolean;
}

const NOBODY: TrustedPeers = { has: () => false };

/** Reads `10.0.0.0/8`, `::1` and the like. Throws FAIRLEAD_INVALID_OPTION. */
export function readTrusted(value: unknown, name: string): TrustedPeers {
  if (value === undefined) return NOBODY;
  const refuse = (each: unknown): Error =>
    invalidOption(name, each, "an array of addresses and networks such as '10.0.0.0/8'");
  if (!Array.isArray(value)) throw refuse(value);
  const list = new BlockList();
  for (const each of value as unknown[]) {
    const [address = '', bits, more] = String(each).split('/');
    const version = isIP(address);
    if (typeof each !== 'string' || version === 0 || more !== undefined || address.includes('%')) throw refuse(each);
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) {
      list.addAddress(address, family);
      continue;
    }
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128)) throw refuse(each);
    list.addSubnet(address, Number(bits), family);
  }
  return { has: (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6') };
}

/** An address as it is compared and passed on: without zone, and IPv4 where a socket maps it. */
export function plainAddress(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const zone = address.indexOf('%');
  const bare = zone === -1 ? address : address.slice(0, zone);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  const plain = mapped ?? bare;
  return isIP(plain) === 0 ? undefined : plain;
}

/** A hop as proxies write it: with a port, in brackets, as `unknown`. Undefined for no address. */
export function hopAddress(hop: string): string | undefined {
  const text = hop.trim();
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)?.[1];
  return plainAddress(bracketed ?? /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text)?.[1] ?? text);
}

/** The other end of a connection. */
export interface Peer {
  /** Undefined for a unix socket, or where the connection is gone already. */
  readonly address: string | undefined;
  readonly port: number;
  readonly secure: boolean;
  readonly trusted: boolean;
}

/** Of connections, which have many requests. */
export class Peers {
  readonly #trusted: TrustedPeers;
  readonly #known = new WeakMap<Socket, Peer>();

  constructor(trusted: TrustedPeers) {
    this.#trusted = trusted;
  }

  of(socket: Socket): Peer {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    const address = plainAddress(socket.remoteAddress);
    const peer: Peer = {
      address,
      port: socket.localPort ?? 0,
      secure: (socket as Partial<TLSSocket>).encrypted === true,
      trusted: address !== undefined && this.#trusted.has(address),
    };
    this.#known.set(socket, peer);
    return peer;
  }

  /**
   * Who made the request: the peer, or, where that is trusted, the last of `X-Forwarded-For` that
   * is not. What stands before that one may be anything.
   */
  clientOf(peer: Peer, forwardedFor: string | undefined): string | undefined {
    if (!peer.trusted || forwardedFor === undefined) return peer.address;
    let client = peer.address;
    for (const hop of forwardedFor.split(',').reverse()) {
      const address = hopAddress(hop);
      if (address === undefined) return client;
      client = address;
      if (!this.#trusted.has(address)) return client;
    }
    return client;
  }
}
