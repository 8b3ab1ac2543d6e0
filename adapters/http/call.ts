import type { Dispatcher } from 'undici';
import { currentRoutingKey } from '../../src/adapter.js';
import type { Endpoint, RoutingKey, Subset } from '../../src/index.js';
import type { HttpRequest, HttpSettings } from './options.js';

/**
 * What one request asks of the mesh, over what the dispatcher's options say: for those who call
 * `dispatch()` themselves, as `fairlead` among its options. It is not checked: a wrong type is
 * found where it is used.
 */
export interface HttpCall {
  /** What to hash by, or to be sticky by. */
  readonly key?: RoutingKey | undefined;
  /** The id of the endpoint to use, if it may be. */
  readonly prefer?: string | undefined;
  /** Whether it may be made twice. */
  readonly idempotent?: boolean | undefined;
  /** Picks among these endpoints of the service. */
  readonly from?: Subset | undefined;
  /** No more attempts than this in all, where the service allows more. */
  readonly maxAttempts?: number | undefined;
  /** Statuses after which it is repeated. */
  readonly retryStatus?: ReadonlySet<number> | undefined;
  /** So much of a streamed body is kept to be sent again; bytes. */
  readonly replayBytes?: number | undefined;
  /**
   * Which attempt of a caller before this one the request belongs to; 1 for its first. Where given,
   * attempts after the first say their number in `x-fairlead-attempt`; where it is more than 1,
   * what was sent is not made again, as that caller does so.
   */
  readonly attempt?: number | undefined;
  /** Hears which endpoint's response is the one that the handler sees, before it does. */
  readonly answeredBy?: ((endpoint: Endpoint) => void) | undefined;
}

/** `undici`'s options of a dispatch, and those of the mesh. */
export interface MeshDispatchOptions extends Dispatcher.DispatchOptions {
  readonly fairlead?: HttpCall | undefined;
}

/** What is asked of the mesh for one request, from all that may say so. */
export interface HttpIntent {
  readonly key: RoutingKey | undefined;
  readonly prefer: string | undefined;
  /** Undefined where nothing but the method says so. */
  readonly idempotent: boolean | undefined;
}

const CONTROL = /^x-fairlead-(key|prefer|idempotent)$/;

/** A header by which a request speaks to the mesh; in lower case. */
export const isControl = (name: string): boolean => CONTROL.test(name);

/** `exchange.request` is made where an option asks for it. */
export function intentOf(
  settings: HttpSettings,
  call: HttpCall | undefined,
  exchange: { readonly request: HttpRequest },
): HttpIntent {
  let key = call?.key;
  for (const keyOf of settings.keys) {
    if (key !== undefined) break;
    key = keyOf(exchange.request);
  }
  const control = settings.controlHeaders ? exchange.request : undefined;
  const said = control?.header('x-fairlead-idempotent');
  return {
    key: control?.header('x-fairlead-key') ?? key ?? currentRoutingKey(),
    prefer: control?.header('x-fairlead-prefer') ?? call?.prefer,
    idempotent:
      (said === undefined ? undefined : said === 'true') ?? call?.idempotent ?? settings.idempotent?.(exchange.request),
  };
}
