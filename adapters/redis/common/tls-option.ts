import type { ConnectionOptions } from 'node:tls';
import { optionReaders as read, tlsClient } from '../../../src/adapter.js';

/** Authorities that ioredis has with it, by its names for them. */
const PROFILES = ['RedisCloudFixed', 'RedisCloudFlexible'] as const;
type TlsProfile = (typeof PROFILES)[number];

/** Of Node's options, those that would lead every connection to one server. */
const ELSEWHERE = ['fd', 'host', 'path', 'port', 'socket'] as const;

/**
 * As ioredis takes it: options of `tls.connect`, a profile, or `true` for the defaults (what a
 * `rediss://` asks for). Servers come from the mesh, so nothing in it says where they are.
 */
export type TlsOption =
  | boolean
  | TlsProfile
  | (Omit<ConnectionOptions, (typeof ELSEWHERE)[number]> & { readonly profile?: TlsProfile | undefined });

const ALLOWED = `an object of options for tls.connect, true, false, or a profile: ${PROFILES.join(' or ')}`;

/**
 * ioredis encrypts by any value that is true, with Node's defaults: a profile that is misspelt is
 * none, and the text `false` of an environment is TLS.
 */
export function checkTls(value: unknown, name: string): void {
  if (typeof value === 'boolean' || value === null || isProfile(value)) return;
  if (typeof value !== 'object') throw read.invalidOption(name, value, ALLOWED);
  const { profile, ...rest } = value as { readonly profile?: unknown };
  if (profile !== undefined && !isProfile(profile)) {
    throw read.invalidOption(`${name}.profile`, profile, PROFILES.join(' or '));
  }
  for (const each of ELSEWHERE) {
    const given = (rest as Readonly<Record<string, unknown>>)[each];
    if (given === undefined) continue;
    const shown = typeof given === 'object' ? 'set' : given;
    throw read.invalidOption(`${name}.${each}`, shown, 'unset: servers come from the service of the mesh');
  }
  tlsClient(rest, name);
}

const isProfile = (value: unknown): value is TlsProfile => PROFILES.includes(value as TlsProfile);
