import { type ChannelCredentials, type ChannelOptions, Client, credentials } from '@grpc/grpc-js';
import { addressOf } from '../../endpoint/endpoint.js';
import type { EtcdConnection, EtcdTlsSettings } from './connection.js';

/** A page of a long list; values are a few hundred bytes, mostly. */
const MAX_MESSAGE_BYTES = 67_108_864;

/**
 * The connection to one member at a time. A connection that failed is thrown away and the next
 * member is tried on a new one: grpc-js has no limit for a handshake that never ends, and would
 * wait on it for ever. When to try again is the caller's to say.
 */
export class EtcdMembers {
  readonly #connection: EtcdConnection;
  readonly #credentials: ChannelCredentials;
  #at = 0;
  #client: Client | undefined;
  #closed = false;

  constructor(connection: EtcdConnection) {
    this.#connection = connection;
    this.#credentials = credentialsOf(connection.tls);
  }

  get address(): string {
    return addressOf(this.#member);
  }

  /** Undefined once it is closed. */
  client(): Client | undefined {
    if (this.#closed) return undefined;
    this.#client ??= new Client(targetOf(this.#member), this.#credentials, this.#options());
    return this.#client;
  }

  /** This connection failed; the next try is another's. Without effect where it is not in use. */
  leave(client: Client): void {
    if (this.#client !== client) return;
    client.close();
    this.#client = undefined;
    this.#at = (this.#at + 1) % this.#connection.members.length;
  }

  close(): void {
    this.#closed = true;
    this.#client?.close();
    this.#client = undefined;
  }

  get #member(): { readonly host: string; readonly port: number } {
    return this.#connection.members[this.#at]!;
  }

  #options(): ChannelOptions {
    const serverName = this.#connection.tls?.serverName;
    return {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      // A new connection is a new one, also where another channel failed to get one just now.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      ...(serverName !== undefined && {
        'grpc.ssl_target_name_override': serverName,
        'grpc.default_authority': serverName,
      }),
    };
  }
}

function targetOf(member: { readonly host: string; readonly port: number }): string {
  if (member.host.includes(':')) return `ipv6:${addressOf(member)}`;
  return `${/^[\d.]+$/.test(member.host) ? 'ipv4' : 'dns'}:${addressOf(member)}`;
}

function credentialsOf(tls: EtcdTlsSettings | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const bytes = (pem: string | Uint8Array | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.cert), { rejectUnauthorized: tls.verify });
}
