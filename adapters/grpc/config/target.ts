import { optionReaders } from '../../../src/adapter.js';
import { FairleadError } from '../../../src/index.js';

/** What a target `fairlead:///service?option=value` says. */
export interface ParsedTarget {
  readonly service: string;
  /** Options as written, one level deep where a name had a dot; checked by who reads them. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A target as grpc-js hands it out, in parts. */
export interface TargetUri {
  readonly scheme?: string | undefined;
  readonly authority?: string | undefined;
  path: string;
}

/** The options of a target that says none. */
export const NO_QUERY: Readonly<Record<string, unknown>> = Object.freeze({});

/** Marks a path that `shieldFromProxy` changed: no service name begins with it. */
const SHIELD = '[';

/**
 * The service and the options of a target. Values are JSON where they look like it (`true`, `0.5`,
 * `"0"`), text otherwise; `affinity.ttlMs=60000` is the option `ttlMs` of `affinity`. Throws
 * FAIRLEAD_INVALID_OPTION.
 */
export function parseTarget(uri: TargetUri): ParsedTarget {
  const path = uri.path.startsWith(SHIELD) ? uri.path.slice(SHIELD.length) : uri.path;
  const question = path.indexOf('?');
  const name = decode(question === -1 ? path : path.slice(0, question));
  const shown = `${uri.scheme}:${uri.authority === undefined ? '' : `//${uri.authority}/`}${path}`;
  if (uri.authority !== undefined && uri.authority !== '') {
    throw refuse(
      shown,
      `has an authority ("${optionReaders.withoutCredentials(uri.authority)}"): write ${uri.scheme}:///service, with three slashes`,
    );
  }
  if (name === '' || name.startsWith('/')) {
    throw refuse(shown, `names no service: write ${uri.scheme}:///service, with three slashes`);
  }
  return { service: name, options: parseQuery(question === -1 ? '' : path.slice(question + 1), shown) };
}

/**
 * grpc-js sends every target whose path can be read as `host` or `host:port` to the proxy of the
 * environment (`grpc_proxy`, `https_proxy`, `http_proxy`) and then never asks our resolver. A
 * service is not a host to be reached through a proxy, so the path is made one that it cannot read:
 * an opening bracket without the closing one. The object is the channel's own, handed to us before
 * the proxy is looked up.
 */
export function shieldFromProxy(uri: TargetUri, env: NodeJS.ProcessEnv = process.env): void {
  const { grpc_proxy, https_proxy, http_proxy } = env;
  if (uri.path.startsWith(SHIELD) || !(grpc_proxy || https_proxy || http_proxy)) return;
  uri.path = SHIELD + uri.path.replaceAll(']', '%5D');
}

function parseQuery(query: string, shown: string): Readonly<Record<string, unknown>> {
  if (query === '') return NO_QUERY;
  // Without a prototype: a target that says `__proto__=1` names an unknown option and nothing else.
  const options: Record<string, unknown> = Object.create(null);
  for (const [name, text] of new URLSearchParams(query)) {
    const [outer, inner, ...rest] = name.split('.') as [string, ...string[]];
    if (rest.length > 0) throw refuse(shown, `has the option "${name}": options are one level deep`);
    const value = parseValue(text);
    if (inner === undefined) {
      const known = options[outer];
      // `affinity.ttlMs=60000&affinity=true` means what the other order means.
      if (value === true && typeof known === 'object') continue;
      if (known !== undefined) throw refuse(shown, `says "${name}" twice`);
      options[outer] = value;
    } else {
      options[outer] = nest(options[outer], outer, inner, value, shown);
    }
  }
  return options;
}

/**
 * `policy=peak_ewma&policy.decayMs=5000` and `affinity=true&affinity.ttlMs=60000`: the name or
 * switch, then its options.
 */
function nest(known: unknown, outer: string, inner: string, value: unknown, shown: string): Record<string, unknown> {
  const group: Record<string, unknown> = Object.create(null);
  if (outer === 'policy') {
    if (typeof known === 'string') return Object.assign(group, { [known]: { [inner]: value } });
    const [policy] = Object.entries((known ?? {}) as Record<string, Record<string, unknown>>);
    if (policy === undefined) throw refuse(shown, `says "policy.${inner}" before "policy": name the policy first`);
    return Object.assign(group, { [policy[0]]: { ...policy[1], [inner]: value } });
  }
  if (known !== undefined && known !== true && typeof known !== 'object') {
    throw refuse(shown, `says "${outer}=${String(known)}" and "${outer}.${inner}"`);
  }
  if (typeof known === 'object') Object.assign(group, known);
  if (inner in group) throw refuse(shown, `says "${outer}.${inner}" twice`);
  group[inner] = value;
  return group;
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refuse(target: string, why: string): FairleadError {
  return new FairleadError(
    'FAIRLEAD_INVALID_OPTION',
    `The gRPC target "${optionReaders.withoutCredentials(target)}" ${why}.`,
  );
}
