import { type Matched, normalHost, optionReaders, type PartExplainer, readTarget } from '../../src/adapter.js';
import type { Explanation } from '../../src/index.js';
import type { LiveRoute } from './routes/live-route.js';
import type { RouteSet } from './routes/route-set.js';

/** A request to be explained. */
export interface ExplainedRequest {
  /** Default GET. */
  readonly method?: string;
  /** As in Host. Default: none. */
  readonly host?: string;
  /** In origin form, with its query: `/users/7?full=1`. */
  readonly path: string;
  /** By name, whatever its case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The address of who makes it, for keys by client. Default: none. */
  readonly client?: string;
  /**
   * Whether it comes over TLS, which decides about the name of the affinity cookie. Default false.
   */
  readonly secure?: boolean;
}

/** What the gateway would do with a request. */
export interface RequestExplanation {
  /** The name of the route that matches; undefined where none does. */
  readonly route: string | undefined;
  /** What it does: forwards, or answers by itself; with which status, in the latter case. */
  readonly action: 'forward' | 'redirect' | 'respond' | 'refuse';
  readonly status: number | undefined;
  readonly service: string | undefined;
  /** Why this endpoint; undefined where nothing is forwarded. */
  readonly explanation: Explanation | undefined;
}

/** Matches, and picks without a lease; counts nothing, charges no limit. */
export function explainRequest(routes: RouteSet, request: ExplainedRequest): RequestExplanation {
  const { method = 'GET', host = '', path, client, secure = false } = request;
  const headers = new Map(Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const header = (name: string): string | undefined => headers.get(name.toLowerCase());
  const target = readTarget(path);
  if (target === undefined) return refusal(400);
  const normal = normalHost(host);
  const routed = { method, header };
  const found: Matched<LiveRoute> | undefined = routes.table.find(normal, target, routed);
  if (found === undefined) return refusal(routes.table.methodsFor(normal, target, routed).size === 0 ? 404 : 405);
  const { settings, service, from, keyOf, cookie } = found.value;
  const { name, redirect, response } = settings;
  if (service === undefined) {
    const action = redirect === undefined ? 'respond' : 'redirect';
    return { ...refusal(redirect?.status ?? response?.status ?? 404), route: name, action };
  }
  const head = { method, target, authority: host, host: normal, body: false };
  const prefer = cookie?.endpointOf(header('cookie'), service.endpoints, secure);
  const explanation = (from ?? service).explain({ key: keyOf?.({ head, client, header }), prefer, labels: header });
  return { route: name, action: 'forward', status: undefined, service: service.name, explanation };
}

function refusal(status: number): RequestExplanation {
  return { route: undefined, action: 'refuse', status, service: undefined, explanation: undefined };
}

/** For forms: the same of a request that somebody typed. */
export function requestExplainer(explain: (request: ExplainedRequest) => RequestExplanation): PartExplainer {
  return {
    fields: ['method', 'host', 'path'],
    takesHeaders: true,
    explain: ({ values: { method, host, path }, headers }) => {
      if (path === undefined) throw optionReaders.invalidOption('path', path, 'a path, such as /users/7');
      return explain({ ...(method && { method: method.toUpperCase() }), ...(host && { host }), path, headers });
    },
  };
}
