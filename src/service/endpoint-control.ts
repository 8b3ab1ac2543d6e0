import { whenAborted } from '../runtime/abort-audience.js';
import type { Timer } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { invalidOption, number, readOptions, text } from '../runtime/options.js';
import type { Service } from './contract.js';
import { LiveService } from './service.js';

export interface ByHandOptions {
  /**
   * Until it ends by itself; milliseconds. Default 600,000 (10 minutes); 1,000 to 604,800,000 (a
   * week).
   */
  readonly forMs?: number;
  /** Who does it, for displays. Default: none is named. */
  readonly by?: string;
  /** Why, for displays. Default: none is given. */
  readonly reason?: string;
}

/** What an operator did to an endpoint, and that is not over. */
export interface EndpointHold {
  readonly id: string;
  readonly how: 'drain' | 'eject';
  readonly by: string;
  readonly reason: string;
  /** By the mesh's clock; milliseconds. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** What an operator may do to the endpoints of a service by hand. */
export interface EndpointControl {
  /**
   * No new calls, not even in panic, as if its registry listed it in maintenance; calls in progress
   * finish, and sessions move on. Ends by itself, by `restore`, and with the process; other
   * processes know nothing of it. Throws FAIRLEAD_NO_ENDPOINT for an id that is not listed.
   */
  drain(id: string, options?: ByHandOptions): void;
  /**
   * Out for a while, as if a health signal had asked for it: `by_hand` in events. Then one call
   * decides about its return. Throws FAIRLEAD_NO_ENDPOINT for an id that is not listed, and
   * FAIRLEAD_CONFLICT where it is not in use or `maxEjectionRatio` leaves no room.
   */
  eject(id: string, options?: ByHandOptions): void;
  /**
   * Ends a drain, and an ejection, whoever asked for it. False where there was neither. Throws
   * FAIRLEAD_NO_ENDPOINT for an id that is neither listed nor held.
   */
  restore(id: string): boolean;
  /** What was done and is not over. */
  readonly holds: readonly EndpointHold[];
}

interface HoldSettings {
  readonly forMs: number;
  readonly by: string;
  readonly reason: string;
}

const controls = new WeakMap<LiveService, LiveControl>();

/**
 * Drains, ejects and restores endpoints of a service by hand. The same object for the same service,
 * so every caller sees what others did. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * endpointControl(mesh.service('users')).drain('users-3', { forMs: 3_600_000, reason: 'new disk' });
 * ```
 */
export function endpointControl(service: Service): EndpointControl {
  if (!(service instanceof LiveService)) throw invalidOption('service', service, 'a service of a mesh');
  const control = controls.get(service) ?? new LiveControl(service);
  controls.set(service, control);
  return control;
}

class LiveControl implements EndpointControl {
  readonly #service: LiveService;
  readonly #holds = new Map<string, { readonly hold: EndpointHold; readonly timer: Timer }>();

  constructor(service: LiveService) {
    this.#service = service;
    service.on('returned', ({ spec }) => this.#over(spec.id, 'eject'));
    if (!service.closed) whenAborted(service.stopping, () => this.#end());
  }

  get holds(): readonly EndpointHold[] {
    return [...this.#holds.values()].map(({ hold }) => hold);
  }

  drain(id: string, options?: ByHandOptions): void {
    const settings = this.#read('drain', options);
    const { members } = this.#service.inner;
    this.#known(id);
    this.#note(id, 'drain', settings);
    members.hold(id, true);
  }

  eject(id: string, options?: ByHandOptions): void {
    const settings = this.#read('eject', options);
    const { members } = this.#service.inner;
    const endpoint = this.#known(id);
    const refuse = (why: string): FairleadError =>
      new FairleadError('FAIRLEAD_CONFLICT', `Endpoint '${id}' cannot be ejected: ${why}.`, {
        service: this.#service.name,
        endpoint: id,
      });
    if (endpoint.state !== 'ready') throw refuse(`it is ${endpoint.state}`);
    if (!members.eject(endpoint, settings.forMs)) {
      throw refuse('as many are out as maxEjectionRatio allows; drain() takes it out all the same');
    }
    this.#note(id, 'eject', settings);
  }

  restore(id: string): boolean {
    const { members } = this.#service.inner;
    const endpoint = members.byId(id);
    if (endpoint === undefined && !this.#holds.has(id)) this.#known(id);
    const out = endpoint !== undefined && endpoint.standing !== 'in';
    const drained = members.hold(id, false);
    this.#forget(id);
    if (out) members.ejection.release(endpoint);
    return drained || out;
  }

  #note(id: string, how: EndpointHold['how'], { forMs, by, reason }: HoldSettings): void {
    this.#forget(id);
    const { clock } = this.#service;
    const sinceMs = clock.now();
    const timer = clock.after(forMs, () => {
      this.#forget(id);
      if (how === 'drain' && !this.#service.closed) this.#service.inner.members.hold(id, false);
    });
    this.#holds.set(id, { hold: { id, how, by, reason, sinceMs, untilMs: sinceMs + forMs }, timer });
  }

  #over(id: string, how: EndpointHold['how']): void {
    if (this.#holds.get(id)?.hold.how === how) this.#forget(id);
  }

  /** The service closes. */
  #end(): void {
    for (const id of [...this.#holds.keys()]) this.#forget(id);
  }

  #forget(id: string): void {
    this.#holds.get(id)?.timer.cancel();
    this.#holds.delete(id);
  }

  #known(id: string): NonNullable<ReturnType<LiveService['byId']>> {
    const { name, closed } = this.#service;
    if (closed) throw new FairleadError('FAIRLEAD_CLOSED', `Service '${name}' is closed.`, { service: name });
    const endpoint = this.#service.byId(id);
    if (endpoint !== undefined) return endpoint;
    const message = `Discovery lists no endpoint '${String(id).slice(0, 100)}' of service '${name}'.`;
    throw new FairleadError('FAIRLEAD_NO_ENDPOINT', message, { service: name });
  }

  #read(what: string, options: ByHandOptions | undefined): HoldSettings {
    return readOptions<HoldSettings>(`endpointControl.${what}`, options, {
      forMs: number(600_000, 1_000, 604_800_000),
      by: text(''),
      reason: text(''),
    });
  }
}
