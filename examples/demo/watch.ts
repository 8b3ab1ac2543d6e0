import { type Endpoint, type EndpointState, type Service, type ServiceStats, serviceStats } from 'fairlead';

/** What the table shows of one server. */
export interface ServerRow {
  readonly id: string;
  readonly state: EndpointState | 'gone';
  /** What the demo did to it. */
  readonly note: string;
  readonly callsPerSecond: number;
  readonly inflight: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Failed calls since the start, over all lives of the server. */
  readonly errors: number;
}

/** Short, so that the table follows what happens. */
const WINDOW_MS = 3_000;

/**
 * Watches a service the way an operator's tool would: through its events, endpoints and statistics.
 */
export class Watch {
  readonly #service: Service;
  readonly #stats: ServiceStats;
  readonly #notes = new Map<string, string>();
  readonly #lives = new Map<string, Endpoint[]>();
  readonly #stopListening: (() => void)[];

  constructor(service: Service, tell: (event: string) => void) {
    this.#service = service;
    this.#stats = serviceStats(service, { windowMs: WINDOW_MS });
    this.#stopListening = [
      service.on('endpoints', ({ arrived, departed }) => {
        for (const { spec } of departed) tell(`${spec.id} is no longer listed as passing`);
        for (const endpoint of arrived) {
          this.#remember(endpoint);
          tell(`${endpoint.spec.id} found`);
        }
      }),
      service.on('ejected', ({ endpoint, signal, forMs, enforced }) => {
        if (enforced) tell(`${endpoint.spec.id} ejected for ${(forMs / 1_000).toFixed(1)} s (${signal})`);
      }),
      service.on('returned', ({ spec }) => tell(`${spec.id} answered its probing call and is back`)),
      service.on('error', (error) => tell(`discovery: ${error.message}`)),
    ];
    for (const endpoint of service.endpoints) this.#remember(endpoint);
  }

  /** What the demo did to a server, for the last column. */
  note(id: string, note: string): void {
    this.#notes.set(id, note);
  }

  /** Calls the server was given, in all its lives. */
  callsOf(id: string): number {
    return (this.#lives.get(id) ?? []).reduce((sum, { calls }) => sum + calls, 0);
  }

  isReady(id: string): boolean {
    return this.#service.rotation.some(({ spec }) => spec.id === id);
  }

  rows(): readonly ServerRow[] {
    const lately = new Map(this.#stats.read().map((stats) => [stats.endpoint, stats]));
    return [...this.#lives]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, lives]) => {
        const endpoint = lives.at(-1)!;
        const stats = lately.get(endpoint);
        return {
          id,
          state: endpoint.state === 'draining' && endpoint.inflight === 0 ? 'gone' : endpoint.state,
          note: this.#notes.get(id) ?? '',
          callsPerSecond: stats?.callsPerSecond ?? 0,
          inflight: endpoint.inflight,
          p50Ms: stats?.p50Ms ?? Number.NaN,
          p99Ms: stats?.p99Ms ?? Number.NaN,
          errors: lives.reduce((sum, { failures }) => sum + failures, 0),
        };
      });
  }

  close(): void {
    this.#stats.close();
    for (const stop of this.#stopListening) stop();
  }

  #remember(endpoint: Endpoint): void {
    const { id } = endpoint.spec;
    const lives = this.#lives.get(id) ?? [];
    if (lives.at(-1) !== endpoint) this.#lives.set(id, [...lives, endpoint]);
  }
}
