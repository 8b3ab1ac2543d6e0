import { callPlanning } from '../../../src/adapter.js';
import type { Clock, Endpoint, Service } from '../../../src/index.js';
import type { RepeatLedger } from '../../http/index.js';
import type { Upstream } from '../forward/upstreams.js';
import { BackSessions } from './back-sessions.js';
import type { StreamContext } from './stream-forwarding.js';

/** The connections of HTTP/2 to one service, made at its first request. */
class BackService implements StreamContext {
  readonly upstream: Upstream;
  readonly planning: StreamContext['planning'];
  readonly ledger: RepeatLedger;
  readonly #clock: Clock;
  readonly #byEndpoint = new Map<Endpoint, BackSessions>();

  constructor(service: Service, upstream: Upstream, clock: Clock, ledger: RepeatLedger) {
    this.ledger = ledger;
    this.upstream = upstream;
    this.planning = callPlanning(service);
    this.#clock = clock;
    service.on('endpoints', ({ departed, changed }) => {
      // Another address is another server.
      for (const endpoint of [...departed, ...changed]) this.#leave(endpoint);
    });
  }

  get all(): Iterable<BackSessions> {
    return this.#byEndpoint.values();
  }

  sessionsOf(endpoint: Endpoint): BackSessions {
    let sessions = this.#byEndpoint.get(endpoint);
    if (sessions === undefined) {
      sessions = new BackSessions(endpoint, this.upstream, this.upstream.http2, this.#clock);
      this.#byEndpoint.set(endpoint, sessions);
    }
    return sessions;
  }

  destroy(): void {
    for (const sessions of this.#byEndpoint.values()) sessions.destroy();
    this.#byEndpoint.clear();
  }

  #leave(endpoint: Endpoint): void {
    this.#byEndpoint.get(endpoint)?.close();
    this.#byEndpoint.delete(endpoint);
  }
}

/** Those of a gateway. */
export class BackServices {
  readonly #clock: Clock;
  readonly #ledger: RepeatLedger;
  readonly #byService = new Map<Service, BackService>();

  constructor(clock: Clock, ledger: RepeatLedger) {
    this.#clock = clock;
    this.#ledger = ledger;
  }

  of(service: Service, upstream: Upstream): StreamContext {
    let known = this.#byService.get(service);
    if (known === undefined) {
      known = new BackService(service, upstream, this.#clock, this.#ledger);
      this.#byService.set(service, known);
    }
    return known;
  }

  destroy(): void {
    for (const service of this.#byService.values()) service.destroy();
  }

  get figures(): Readonly<Record<string, number>> {
    let sessions = 0;
    let waiting = 0;
    for (const service of this.#byService.values()) {
      for (const each of service.all) {
        sessions += each.size;
        waiting += each.waiting;
      }
    }
    return { 'http2.upstreamSessions': sessions, 'http2.waiting': waiting };
  }
}
