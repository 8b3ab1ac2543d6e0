import type { IncomingMessage } from 'node:http';
import { normalHost, readTarget, type Target } from '../../../src/adapter.js';
import type { Answer } from '../common/answers.js';
import { hasBody } from '../common/linger.js';

/** A request as it is routed and forwarded. */
export interface RequestHead {
  readonly method: string;
  readonly target: Target;
  /** As it came, in Host or in the target. */
  readonly authority: string;
  /** In the form in which routes compare it. */
  readonly host: string;
  /** Whether a body follows. */
  readonly body: boolean;
}

const bad = (detail: string): Answer => ({ status: 400, detail });

const NO_HOST = bad('there must be one Host');
const BAD_HOST = bad('the Host is not one');
const BAD_TARGET = bad('the target is not a plain path');
const NO_END = bad('the last transfer coding must be chunked');
const UNKNOWN_CODING: Answer = { status: 501, detail: 'of transfer codings, chunked alone is understood' };
const OTHER_VERSION: Answer = { status: 505 };
const CHUNKED_LAST = /,\s*chunked\s*$/i;
/** Of requests that are lines of text. */
const VERSIONS: ReadonlySet<string> = new Set(['1.0', '1.1']);
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;
/** What none has: user information, paths, several. */
const NO_AUTHORITY = /[\s/?#@\\,]/;

/**
 * Reads and checks what node:http leaves to us (RFC 9112, 3.2): one Host, which an absolute target
 * overrules; a target that means the same to everybody; no transfer coding but chunked, since the
 * body is framed anew without it. Returns the refusal where it is not so.
 */
export function readHead(request: IncomingMessage): RequestHead | Answer {
  const { headers, method = '', url = '' } = request;
  // node:http reads a line that says HTTP/2.0 as any other, and rules are those of the version.
  if (!VERSIONS.has(request.httpVersion) && !('stream' in request)) return OTHER_VERSION;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    return CHUNKED_LAST.test(coding) ? UNKNOWN_CODING : NO_END;
  }
  let authority = headers.host ?? (headers[':authority'] as string | undefined);
  if (request.httpVersionMajor === 1 && hasSeveralHosts(request.rawHeaders)) return NO_HOST;
  if (request.httpVersionMajor === 2 && contradicts(request.rawHeaders, authority)) return NO_HOST;
  if (authority === undefined) {
    if (request.httpVersion !== '1.0') return NO_HOST;
    authority = '';
  }
  let path = url;
  if (url.charCodeAt(0) !== 47) {
    if (url === '*' && method === 'OPTIONS') return { status: 204 };
    const absolute = ABSOLUTE.exec(url);
    if (absolute === null) return BAD_TARGET;
    authority = absolute[1]!;
    path = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]}`;
    if (authority === '') return BAD_HOST;
  }
  if (NO_AUTHORITY.test(authority)) return BAD_HOST;
  const host = normalHost(authority);
  if (host === '' && authority !== '') return BAD_HOST;
  const target = readTarget(path);
  if (target === undefined) return BAD_TARGET;
  return { method, target, authority, host, body: hasBody(request) };
}

/** node:http keeps the first of several, another server may keep the last. */
function hasSeveralHosts(raw: readonly string[]): boolean {
  let count = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count > 1;
}

/** RFC 9113, 8.3.1: a Host beside `:authority` says the same. */
function contradicts(raw: readonly string[], authority: string | undefined): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i] === 'host' && raw[i + 1]!.toLowerCase() !== authority?.toLowerCase()) return true;
  }
  return false;
}

export const isAnswer = (head: RequestHead | Answer): head is Answer => 'status' in head;
