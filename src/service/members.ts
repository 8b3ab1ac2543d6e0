import type { FeedListener } from '../discovery/feed.js';
import { type AbsenceHost, AbsentEndpoints } from '../endpoint/absent.js';
import type { Endpoint, EndpointSpec } from '../endpoint/endpoint.js';
import { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { Membership } from '../endpoint/membership.js';
import { type PaceHost, RotationPace } from '../endpoint/rotation-pace.js';
import { type ReachHost, UsedEndpoints } from '../endpoint/used-endpoints.js';
import { ByHand } from '../health/by-hand.js';
import type { CheckHub } from '../health/check-hub.js';
import { Ejection, type EjectionHost } from '../health/ejection.js';
import type { EjectionEvent } from '../health/ejection-event.js';
import { type CheckReport, ReportedChecks } from '../health/reported-checks.js';
import { type CheckEvent, Checks, type ChecksHost } from '../health/service-checks.js';
import type { Clock } from '../runtime/clock.js';
import type { SafeEmitter } from '../runtime/emitter.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { publishEndpoint } from '../telemetry/channels.js';
import type { ServiceEvents } from './contract.js';
import { Holds } from './holds.js';
import type { ServiceSettings } from './options.js';

export interface MembersHost {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: SafeEmitter<ServiceEvents>;
  /** Whom to tell that an endpoint left discovery, or is listed there as unhealthy. */
  readonly sticky: { withdrawn(endpoint: LiveEndpoint): void } | undefined;
  /** Who is usable, or in what state, changed: compute the rotations anew. */
  readonly views: { refresh(): void };
}

const NONE: readonly LiveEndpoint[] = [];

/**
 * The endpoints of one service, from the list that discovery reports to those that views pick
 * among: membership, reach (aperture, slow start), active checks and ejection put together, each
 * informed of what the others find out.
 */
export class Members implements FeedListener, AbsenceHost, PaceHost {
  readonly ejection: Ejection;
  readonly #host: MembersHost;
  readonly #membership: Membership;
  readonly reach: UsedEndpoints;
  readonly #checks: Checks;
  readonly #reported: ReportedChecks;
  readonly pace: RotationPace;
  /** What discovery lists, as it says it. */
  #listed: readonly EndpointSpec[] | undefined;
  readonly holds: Holds = new Holds();
  /** Undefined until an operator ejects: a signal is asked about every call. */
  #byHand: ByHand | undefined;
  #options: ServiceSettings;
  #confines: boolean;
  #usable: readonly LiveEndpoint[] | undefined;

  constructor(host: MembersHost, options: ServiceSettings, hub: CheckHub) {
    this.#host = host;
    this.#options = options;
    this.#confines = options.aperture !== undefined;
    this.#membership = new Membership(host.name, new AbsentEndpoints(host.clock, this));
    this.pace = new RotationPace(host.clock, this);
    const reactions = new Reactions(host, this);
    this.reach = new UsedEndpoints(host.clock, host.random, options, reactions);
    this.ejection = new Ejection(reactions, options.health, options.maxEjectionRatio);
    this.#checks = new Checks(hub, options.checks, reactions);
    this.#reported = new ReportedChecks(reactions);
  }

  /** All that discovery lists now, those that it calls unhealthy included. */
  get all(): readonly LiveEndpoint[] {
    return this.#membership.members;
  }

  /** Those of them that this client uses at all. */
  get reached(): readonly LiveEndpoint[] {
    return this.reach.members;
  }

  /** Of these, those that do not wait for their first check: what views and health are about. */
  get usable(): readonly LiveEndpoint[] {
    return this.#usable ?? NONE;
  }

  /** Gone from discovery, and still finishing calls. */
  get draining(): ReadonlySet<LiveEndpoint> {
    return this.#membership.draining;
  }

  byId(id: string): LiveEndpoint | undefined {
    return this.#membership.byId(id);
  }

  /** Discovery reported a new list. */
  changed(specs: readonly EndpointSpec[]): void {
    this.#listed = specs;
    this.#admit(this.holds.apply(specs));
  }

  failed(error: Error): void {
    this.#host.events.emit('error', error);
  }

  recovered(): void {
    this.#host.events.emit('recovered');
  }

  /** An operator drains an endpoint, or does so no longer. False where that is so already. */
  hold(id: string, held: boolean): boolean {
    if (!this.holds.set(id, held)) return false;
    this.#admit(this.holds.apply(this.#listed ?? []));
    return true;
  }

  /** An operator ejects an endpoint. False where the cap does not allow it. */
  eject(endpoint: LiveEndpoint, forMs: number): boolean {
    if (this.#byHand === undefined) {
      this.#byHand = new ByHand();
      this.#reconfigureEjection();
    }
    return this.#byHand.eject(endpoint, forMs);
  }

  #reconfigureEjection(): void {
    const { health, maxEjectionRatio } = this.#options;
    this.ejection.reconfigure(this.#byHand === undefined ? health : [...health, this.#byHand], maxEjectionRatio);
  }

  #admit(specs: readonly EndpointSpec[]): void {
    const { events, name } = this.#host;
    const first = this.#membership.serving.length === 0;
    const { arrived, changed, departed, withdrawn, restored, refused } = this.#membership.apply(specs);
    for (const endpoint of withdrawn) {
      // First: it asks how the endpoint was.
      this.#host.sticky?.withdrawn(endpoint);
      this.reach.forget(endpoint);
    }
    // What is known of those that left, or are unhealthy, is kept: they may return.
    for (const endpoint of departed) this.ejection.depart(endpoint);
    for (const endpoint of arrived) this.ejection.arrive(endpoint);
    // Where all are new, none is colder than the others.
    if (!first) for (const endpoint of restored) this.reach.warmUp(endpoint);
    for (const error of refused) events.emit('error', error);
    if (arrived.length + changed.length + departed.length === 0) return;
    this.#refresh(changed.length > 0);
    for (const endpoint of arrived) publishEndpoint(name, endpoint, 'arrived');
    for (const endpoint of departed) publishEndpoint(name, endpoint, 'departed');
    events.emit('endpoints', { arrived, changed, departed });
  }

  /** The last call of one that left discovery ended. */
  drained(endpoint: LiveEndpoint): void {
    this.#membership.drained(endpoint);
  }

  /** The caller asked the endpoint and found it well. */
  reportRecovered(endpoint: Endpoint): void {
    const live = this.#membership.byId(endpoint.spec.id);
    if (live === endpoint) this.ejection.recovered(live);
  }

  /** The caller asked the endpoint: reports how that ended. */
  reportProbe(endpoint: Endpoint, outcome: Outcome): void {
    const live = this.#membership.byId(endpoint.spec.id);
    if (live === endpoint) this.ejection.record(live, outcome, Number.NaN);
  }

  /** Somebody who looks at the endpoint by itself says how it is. */
  reportCheck(endpoint: Endpoint, report: CheckReport): void {
    if (endpoint instanceof LiveEndpoint) this.#reported.report(endpoint, report);
  }

  /**
   * Other options from now on; who is usable by them is known after `refresh`. What did not change
   * keeps what it knows.
   */
  reconfigure(options: ServiceSettings): void {
    this.#options = options;
    this.#confines = options.aperture !== undefined;
    this.#reconfigureEjection();
    this.#checks.reconfigure(options.checks, this.reach.members);
    this.reach.reconfigure(options);
  }

  /** Should it return, nothing is known of it. */
  forgotten(endpoint: LiveEndpoint): void {
    this.ejection.forget(endpoint);
  }

  /** Health or weights changed: the rotations follow. */
  compute(): void {
    this.#refresh();
  }

  /** Computes who is usable, and with it the rotations. */
  refresh(): void {
    this.#refresh(true);
  }

  close(): void {
    this.ejection.close();
    this.#checks.close();
    this.reach.close();
    this.pace.close();
  }

  #refresh(respecified = false): void {
    this.reach.update(this.#membership.serving, respecified);
    const reach = this.reach.members;
    this.pace.computed(reach.length);
    this.#checks.follow(reach);
    if (this.#confines) this.ejection.confine(reach);
    this.#usable = reach.some(waitsForCheck) ? reach.filter((endpoint) => !waitsForCheck(endpoint)) : reach;
    this.#host.views.refresh();
  }
}

/** What follows when endpoints go out, return, or fail a check. */
class Reactions implements EjectionHost, ChecksHost, ReachHost {
  readonly #host: MembersHost;
  readonly #members: Members;

  constructor(host: MembersHost, members: Members) {
    this.#host = host;
    this.#members = members;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get random(): Random {
    return this.#host.random;
  }

  get members(): readonly LiveEndpoint[] {
    return this.#members.usable;
  }

  changed(): void {
    this.#members.pace.request();
  }

  failed(error: Error): void {
    this.#host.events.emit('error', error);
  }

  ejected(event: EjectionEvent): void {
    publishEndpoint(this.#host.name, event.endpoint, 'ejected', event);
    this.#host.events.emit('ejected', event);
  }

  returned(endpoint: LiveEndpoint): void {
    this.#members.reach.warmUp(endpoint);
    publishEndpoint(this.#host.name, endpoint, 'returned');
    this.#host.events.emit('returned', endpoint);
  }

  checked(event: CheckEvent, endpoint: LiveEndpoint): void {
    if (!event.healthy) endpoint.failing = event;
    else if (endpoint.failing?.check === event.check) endpoint.failing = undefined;
    if (event.healthy && !event.isFirst) this.#members.reach.warmUp(endpoint);
    this.#host.events.emit('checked', event);
  }

  vouched(endpoint: LiveEndpoint): void {
    this.#members.ejection.recovered(endpoint);
  }
}

function waitsForCheck(endpoint: LiveEndpoint): boolean {
  return endpoint.uncheckedBy > 0;
}
