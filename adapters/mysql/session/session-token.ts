import { type KeySettings, SignedText } from '../../../src/adapter.js';
import { type Clock, FairleadError } from '../../../src/index.js';

/** What a session did, as far as another process must know it to go on with it. */
export interface SessionMark {
  /** Positions that whoever serves it must have. */
  readonly positions: string;
  /**
   * What is not in them yet: nothing; something that was seen or written on the primary; or
   * something that was read on a replica, by the id of its endpoint.
   */
  readonly pending: 'nothing' | 'primary' | { readonly replica: string };
}

const VERSION = 'm1';
/** A cookie holds 4 KB in all, and some proxies take 8 KB of headers. */
const MAX_TOKEN_LENGTH = 1_024;
/**
 * Far longer than a replica that is read from may lag. What is older than this is on every one of
 * them.
 */
const TTL_MS = 3_600_000;
const PRIMARY = '*';

/**
 * Sessions as text for clients to keep: signed, so that nobody can make one up that sends its reads
 * to the primary, or lets them wait. Without keys none is issued, and none is believed.
 */
export class SessionTokens {
  readonly #text: SignedText | undefined;
  readonly #service: string;

  constructor(keys: readonly KeySettings[] | undefined, service: string, maxLagMs: number, clock: Clock) {
    this.#service = service;
    if (keys === undefined) return;
    this.#text = new SignedText({
      version: VERSION,
      purpose: 'mysql session',
      audience: service,
      keys,
      ttlMs: Math.max(TTL_MS, 2 * maxLagMs),
      maxLength: MAX_TOKEN_LENGTH,
      clock,
    });
  }

  /**
   * At most 1,024 letters, digits, `.`, `-` and `_`; empty for a session that did nothing. Throws
   * FAIRLEAD_INVALID_OPTION where there are no keys.
   */
  issue(mark: SessionMark): string {
    if (this.#text === undefined) throw noSessionKeys(this.#service);
    if (mark.positions === '' && mark.pending === 'nothing') return '';
    const { pending } = mark;
    let head = pending === 'nothing' ? '' : pending === 'primary' ? PRIMARY : `@${pending.replica}`;
    let { positions } = mark;
    for (;;) {
      const token = this.#text.sign(Buffer.from(`${head}\n${positions}`).toString('base64url'));
      if (token.length <= MAX_TOKEN_LENGTH) return token;
      // What does not fit, the primary has for sure: the session begins there.
      head = PRIMARY;
      positions = positions.includes(',') ? positions.slice(positions.indexOf(',') + 1) : '';
    }
  }

  /** Undefined for what is no token of this service, or is too old. Never throws. */
  read(token: unknown): SessionMark | undefined {
    const opened = this.#text?.open(token);
    if (opened === undefined) return undefined;
    const [head = '', positions = ''] = Buffer.from(opened.payload, 'base64url').toString().split('\n');
    if (head === '') return { positions, pending: 'nothing' };
    return { positions, pending: head === PRIMARY ? 'primary' : { replica: head.slice(1) } };
  }
}

function noSessionKeys(service: string): FairleadError {
  const message =
    'exportSession needs the option sessionKeys, to sign what it returns: [{ id, secret }], the same for all processes. ' +
    'Without a signature anybody could make up a session whose reads cost more.';
  return new FairleadError('FAIRLEAD_INVALID_OPTION', message, { service });
}
