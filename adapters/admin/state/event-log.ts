import { optionReaders } from '../../../src/adapter.js';
import type { ConfigStore } from '../../../src/config/index.js';
import type { Endpoint, Mesh, Service } from '../../../src/index.js';
import type { MeshMonitor } from '../../../src/monitor/index.js';
import type { AdminEvent } from './admin-state.js';
import { GatheredNews, type WriteEvent } from './gathered-news.js';
import { shortened } from './plain.js';

/** Of a list that changed as a whole, so many are named. */
const NAMED = 3;

/**
 * The latest events of a mesh, and since when endpoints are in their state. Kept whether a page is
 * open or not, or it would not know how it came about: a small object for each event, no cost for a
 * call.
 */
export class EventLog {
  readonly #mesh: Mesh;
  readonly #max: number;
  /** By number, the oldest first. */
  readonly #events = new Map<number, AdminEvent>();
  readonly #states = new WeakMap<Endpoint, { readonly state: string; readonly sinceMs: number }>();
  readonly #stops: (() => void)[] = [];
  #next = 1;

  constructor(mesh: Mesh, max: number, config: ConfigStore | undefined, monitor: MeshMonitor | undefined) {
    this.#mesh = mesh;
    this.#max = max;
    this.#stops.push(mesh.follow((service) => this.#follow(service)));
    if (config !== undefined) this.#followConfig(config);
    const news = new GatheredNews(mesh, config === undefined, this.#write);
    this.#stops.push(() => news.close());
    if (monitor === undefined) return;
    this.#stops.push(
      monitor.on('alert', ({ what, alert: { severity, subject, text } }) => {
        if (what === 'still') return;
        if (what === 'cleared') this.add('info', subject, `over: ${text}`);
        else this.add(severity === 'critical' ? 'error' : 'warn', subject, text);
      }),
    );
  }

  /** The latest, by their numbers. */
  get events(): Readonly<Record<string, AdminEvent>> {
    return Object.fromEntries(this.#events);
  }

  add(level: AdminEvent['level'], subject: string, text: string, endpoint?: string): void {
    this.#write(undefined, level, subject, text, endpoint);
  }

  readonly #write: WriteEvent = (known, level, subject, text, endpoint) => {
    const number = known ?? this.#next++;
    if (this.#max === 0) return number;
    const event: AdminEvent = {
      atMs: this.#mesh.clock.wallMs(),
      level,
      subject: shortened(subject),
      ...(endpoint !== undefined && { endpoint: shortened(endpoint) }),
      text: shortened(optionReaders.withoutCredentials(text)),
    };
    // It may be one that has left the list since.
    if (known === undefined || this.#events.has(known)) this.#events.set(number, event);
    if (this.#events.size > this.#max) this.#events.delete(this.#events.keys().next().value!);
    return number;
  };

  /** Since when it is in its state, by the mesh's clock, as far as was seen. */
  sinceMs(endpoint: Endpoint): number {
    const known = this.#states.get(endpoint);
    if (known?.state === endpoint.state) return known.sinceMs;
    const sinceMs = this.#mesh.clock.now();
    this.#states.set(endpoint, { state: endpoint.state, sinceMs });
    return sinceMs;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #follow(service: Service): void {
    const { name } = service;
    const look = (): void => {
      for (const endpoint of service.endpoints) this.sinceMs(endpoint);
    };
    look();
    let lastError = '';
    this.#stops.push(
      service.on('rotation', look),
      service.on('endpoints', ({ arrived, departed }) => {
        this.#came(name, arrived, 'arrived');
        this.#came(name, departed, 'left discovery');
      }),
      service.on('ejected', ({ endpoint, signal, enforced, forMs, refusedBy }) => {
        const text = enforced
          ? `ejected by ${signal} for ${Math.round(forMs / 1_000)} s`
          : `not ejected, though ${signal} asked for it (${refusedBy})`;
        this.add('warn', name, text, endpoint.spec.id);
      }),
      service.on('returned', ({ spec }) => this.add('info', name, 'back in use after an ejection', spec.id)),
      service.on('checked', ({ endpoint, check, healthy, reason, isFirst }) => {
        if (healthy && isFirst) return;
        const why = reason === undefined ? '' : `: ${reason.message}`;
        if (healthy) this.add('info', name, `${check} passes again`, endpoint.spec.id);
        else this.add('warn', name, `${check} fails${why}`, endpoint.spec.id);
      }),
      service.on('breaker', ({ endpoint, to }) =>
        this.add(to === 'open' ? 'warn' : 'info', name, `circuit breaker: ${to}`, endpoint?.spec.id),
      ),
      service.on('error', ({ message }) => {
        // A source that is down says the same at every attempt.
        if (message !== lastError) this.add('warn', name, `discovery: ${message}`);
        lastError = message;
      }),
      service.on('recovered', () => {
        lastError = '';
        this.add('info', name, 'discovery works again');
      }),
    );
  }

  #came(service: string, endpoints: readonly Endpoint[], what: string): void {
    if (endpoints.length <= NAMED) {
      for (const { spec } of endpoints) this.add('info', service, what, spec.id);
      return;
    }
    const names = endpoints.slice(0, NAMED).map(({ spec }) => shortened(spec.id));
    this.add('info', service, `${endpoints.length} endpoints ${what}: ${names.join(', ')}, …`);
  }

  #followConfig(config: ConfigStore): void {
    this.#stops.push(
      config.on('applied', ({ number, author, changes: { length } }) => {
        const changes = length === 1 ? '1 change' : `${length} changes`;
        this.add('info', 'configuration', `version ${number} in force: ${changes} by ${author}`);
      }),
      config.on('refused', ({ source, error }) =>
        this.add('error', 'configuration', `refused from ${source}: ${error.message.split('\n')[0]}`),
      ),
      config.on('held', ({ reason }) =>
        this.add('warn', 'configuration', reason === 'storm' ? 'held: too many lately' : 'held: it was rolled back'),
      ),
    );
  }
}
