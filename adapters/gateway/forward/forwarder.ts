import { type Matched, rewritePath } from '../../../src/adapter.js';
import type { Endpoint } from '../../../src/index.js';
import type { HttpCall } from '../../http/index.js';
import type { RequestHead } from '../head/request-head.js';
import { ATTEMPT, type HeaderContext, requestHeaders } from '../head/request-headers.js';
import { edited } from '../routes/edits.js';
import type { LiveRoute } from '../routes/live-route.js';
import { Forwarding } from './forwarding.js';
import type { Passage } from './passage.js';
import { bodyOf } from './request-body.js';
import type { Upstream } from './upstreams.js';

/** What goes to the service of a route: path and headers. */
export interface Outgoing {
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly call: HttpCall;
}

/** Makes of a request what the service gets. */
export function outgoing(
  passage: Passage,
  head: RequestHead,
  route: LiveRoute,
  pattern: Matched<unknown>['pattern'],
  context: HeaderContext,
  upstream: Upstream,
): Outgoing {
  const { rewrite, requestHeaders: edits, retries } = route.settings;
  const { target } = head;
  const path = rewrite?.path === undefined ? target.raw : rewritePath(pattern, target.raw, rewrite.path);
  const cookies = route.cookie === undefined ? undefined : passage.header('cookie');
  const kept = cookies === undefined ? undefined : route.cookie!.without(cookies, passage.peer.secure);
  const headers = edited(
    requestHeaders(passage.request, head, passage.peer, passage.client, context, passage.requestId, kept),
    edits,
  );
  if (upstream.host === 'client') headers.push('host', rewrite?.host ?? head.authority);
  const { service } = route;
  passage.preferred = route.cookie?.endpointOf(cookies, service?.endpoints ?? [], passage.peer.secure);
  const keyed = { head, client: passage.client, header: (name: string) => passage.header(name) };
  return {
    path: path + target.query,
    headers,
    call: {
      key: route.keyOf?.(keyed),
      prefer: passage.preferred,
      idempotent:
        retries?.idempotencyKey === true && passage.header('idempotency-key') !== undefined
          ? true
          : retries?.idempotent,
      from: route.from,
      attempt: attemptOf(passage),
      maxAttempts: retries?.maxAttempts,
      retryStatus: route.retryStatus,
      replayBytes: retries?.replayBytes,
      answeredBy: (endpoint: Endpoint) => {
        passage.endpoint = endpoint;
      },
    },
  };
}

/**
 * Which attempt of a gateway before this one the request is. A client that says so only does
 * without repeats.
 */
function attemptOf(passage: Passage): number {
  const said = passage.header(ATTEMPT) ?? '';
  return /^[1-9]\d{0,2}$/.test(said) ? Number(said) : 1;
}

/** Sends a request on by undici. */
export function forward(
  passage: Passage,
  head: RequestHead,
  route: LiveRoute,
  out: Outgoing,
  upstream: Upstream,
): void {
  const { timeouts, maxBodyBytes = Number.POSITIVE_INFINITY } = route.settings;
  const forwarding = new Forwarding(passage);
  const exceeded = (): void => forwarding.refuse(413);
  const { headersMs, responseMs } = timeouts ?? {};
  // Events may be hours apart, and every EventSource says that it waits for them.
  const idleMs = timeouts?.idleMs ?? (passage.header('accept') === 'text/event-stream' ? 0 : undefined);
  forwarding.begin(
    upstream.dispatcher,
    {
      origin: upstream.origin,
      method: head.method as never,
      path: out.path,
      headers: out.headers,
      body: head.body ? (bodyOf(passage.request, passage.response, maxBodyBytes, exceeded) as never) : null,
      ...(upstream.servername !== undefined && { servername: upstream.servername }),
      ...(headersMs !== undefined && { headersTimeout: headersMs }),
      ...(idleMs !== undefined && { bodyTimeout: idleMs }),
      fairlead: out.call,
    },
    responseMs,
  );
}
