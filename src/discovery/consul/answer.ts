import type { IncomingHttpHeaders } from 'node:http';
import { FairleadError } from '../../runtime/errors.js';
import { type ConsulResponse, type ConsulTransport, UnansweredError } from './transport.js';

/** What the head of a good answer says. */
export interface AnswerHead {
  /** The index to block on; 0 where the answer has none to be used. */
  readonly index: bigint;
  /** How old the data is, by the word of the server or the agent's cache. */
  readonly ageMs: number;
  /**
   * The answer admits that it may not be the whole truth, so an empty or shrunk list is nothing to
   * rely on.
   */
  readonly doubtful: boolean;
}

/**
 * `X-Consul-KnownLeader: false` counts as a doubt, never as an error: agents with streaming (1.10
 * and later) set it on good answers (hashicorp/consul issues 9776, 10945, 11912). A list that ACLs
 * were applied to may have lost entries to a token that went bad, for which Consul answers 200.
 */
export function readHead(headers: IncomingHttpHeaders): AnswerHead {
  const contactMs = readNumber(headers['x-consul-lastcontact']);
  const cacheAgeMs = readNumber(headers.age) * 1_000;
  return {
    index: readIndex(headers['x-consul-index']),
    ageMs: Math.max(contactMs, cacheAgeMs),
    doubtful: headers['x-consul-knownleader'] === 'false' || headers['x-consul-results-filtered-by-acls'] === 'true',
  };
}

/** The index is an unsigned 64-bit number: beyond what a double can hold. */
function readIndex(header: string | string[] | undefined): bigint {
  return typeof header === 'string' && /^\d{1,20}$/.test(header) ? BigInt(header) : 0n;
}

function readNumber(header: string | string[] | undefined): number {
  const value = Number(header);
  return Number.isFinite(value) && value > 0 ? value : 0;
}

/**
 * A longer `Retry-After` is not obeyed: the proxy may mean well, but the list
 * grows old.
 */
const MAX_RETRY_AFTER_MS = 60_000;

/** An answer that is not a success. */
export class RefusedError extends FairleadError {
  /** How long the server asked us to stay away; 0 where it did not. */
  override readonly retryAfterMs: number;

  constructor({ address, hasToken }: ConsulTransport, service: string, response: ConsulResponse, wallMs: number) {
    const { status, headers, text } = response;
    const said = text.trim().replace(/\s+/g, ' ');
    super(
      'FAIRLEAD_DISCOVERY',
      `Consul at ${address} answered ${status} for service '${service}'${said === '' ? '' : `: ${said}`}${hint(status, said, hasToken)}`,
      { service },
    );
    const wait = headers['retry-after'];
    // Seconds or a date (RFC 9110, 10.2.3).
    const waitMs = wait === undefined ? 0 : /^\d+$/.test(wait) ? Number(wait) * 1_000 : Date.parse(wait) - wallMs;
    this.retryAfterMs = waitMs > 0 ? Math.min(waitMs, MAX_RETRY_AFTER_MS) : 0;
  }
}

/** No answer, or one that asks to stay away: what all who ask this agent wait for together. */
export function awayMs(thrown: unknown): number | undefined {
  if (thrown instanceof UnansweredError) return 0;
  return thrown instanceof RefusedError && thrown.retryAfterMs > 0 ? thrown.retryAfterMs : undefined;
}

function hint(status: number, said: string, hasToken: boolean): string {
  if (/HTTP request to an HTTPS server/i.test(said))
    return ' The agent speaks TLS on this port: use https://, or `tls`.';
  if (status === 403 && !hasToken) {
    return '. No token was given (`token`, `tokenFile`, CONSUL_HTTP_TOKEN): the token needs service:read and node:read.';
  }
  if (status === 400) return '. Look at the query: its filter, datacenter or consistency.';
  if (status === 403) return '. The token needs service:read and node:read.';
  return '.';
}
