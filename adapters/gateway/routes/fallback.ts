import type { IncomingMessage } from 'node:http';
import type { CallPlanning, RouteSettings } from '../../../src/adapter.js';
import { isGrpc } from '../common/grpc.js';

/** A request that its service did not serve. */
export interface FailedRequest {
  readonly method: string;
  /** As the client sent it, query included. */
  readonly url: string;
  readonly route: string;
  readonly service: string;
  /** What would be answered. */
  readonly status: number;
  /** A header of the request, by its name in lower case. */
  header(name: string): string | undefined;
}

/** What is answered in the place of a service. */
export interface FallbackAnswer {
  /** 200 to 599. Default: that of the route's `fallback`. */
  readonly status?: number;
  /** Values by name. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: empty. */
  readonly body?: string;
}

/** Makes the answer of a request that failed; what it throws, the route's own answer stands for. */
export type GatewayFallback = (failed: FailedRequest) => FallbackAnswer | Promise<FallbackAnswer>;

/** What a fallback needs of a request. */
interface Failed {
  readonly request: IncomingMessage;
  readonly upgraded: object | undefined;
  /** For the access log. */
  fellBack: boolean;
  header(name: string): string | undefined;
  direct(status: number, headers: string[], body: string): void;
}

/** The service has answered for itself: what a client sent was too long. */
const TOO_LONG = 413;

/**
 * Answers the requests of a route that nobody served: no endpoint, all attempts failed, a limit,
 * a deadline. Calls of gRPC and upgrades keep their errors: neither could read it.
 */
export class RouteFallback {
  readonly #route: RouteSettings;
  readonly #settings: NonNullable<RouteSettings['fallback']>;
  readonly #make: GatewayFallback | undefined;
  readonly #planning: CallPlanning;
  readonly #figures: { fallbacks: number };
  readonly #statuses: ReadonlySet<number>;

  constructor(
    route: RouteSettings,
    settings: NonNullable<RouteSettings['fallback']>,
    make: GatewayFallback | undefined,
    planning: CallPlanning,
    figures: { fallbacks: number },
  ) {
    this.#route = route;
    this.#settings = settings;
    this.#make = make;
    this.#planning = planning;
    this.#figures = figures;
    this.#statuses = new Set(settings.statuses);
  }

  /** Whether it is answered in place of a response of this status. */
  standsInFor(status: number, failed: Failed): boolean {
    return this.#statuses.has(status) && this.#serves(failed);
  }

  /** Whether it answers a request that would be answered this otherwise; it does so soon. */
  answer(status: number, failed: Failed): boolean {
    if (status === TOO_LONG || !this.#serves(failed)) return false;
    this.#planning.fellBack();
    this.#figures.fallbacks++;
    failed.fellBack = true;
    if (this.#make === undefined) this.#own(failed);
    else void this.#made(status, failed, this.#make);
    return true;
  }

  #serves({ request, upgraded }: Failed): boolean {
    return upgraded === undefined && !isGrpc(request);
  }

  #own(failed: Failed): void {
    const { status, headers, body } = this.#settings;
    failed.direct(status, [...headers], body ?? '');
  }

  async #made(status: number, failed: Failed, make: GatewayFallback): Promise<void> {
    const { method = '', url = '' } = failed.request;
    const { name: route, service = '' } = this.#route;
    const header = (name: string): string | undefined => failed.header(name);
    try {
      const made = await make({ method, url, route, service, status, header });
      failed.direct(made.status ?? this.#settings.status, Object.entries(made.headers ?? {}).flat(), made.body ?? '');
    } catch (thrown) {
      const message = `The fallback of route '${route}' failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
      process.emitWarning(message, { type: 'FairleadWarning', code: 'FAIRLEAD_FALLBACK' });
      this.#own(failed);
    }
  }
}
