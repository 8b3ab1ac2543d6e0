import { type ChannelOptions, connectivityState, experimental } from '@grpc/grpc-js';
import { ownName } from '../../src/adapter.js';
import {
  type AcquireRequest,
  type Clock,
  type Endpoint,
  FairleadError,
  type PolicySpec,
  type Subset,
  type Timer,
} from '../../src/index.js';
import { bindingOf, type ChannelBinding } from './binding.js';
import type { GateState, WaitExplainer } from './calls/gate.js';
import type { LiveAttempts } from './calls/live-attempts.js';
import { ChannelSubsets, type SubsetsHost } from './calls/method-subsets.js';
import type { PendingAttempts } from './calls/pending-attempts.js';
import { ConnectedPicker, type PickerContext, RefusingPicker, WaitingPicker } from './calls/picker.js';
import type { Classify } from './common/status.js';
import { Leaf, type LeafHost } from './connections/leaf.js';
import { POLICY_NAME } from './schemes.js';

const { CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState;

/**
 * The load-balancing policy that grpc-js knows: it keeps one connection per endpoint of the service
 * and leaves every choice to the core, through a subset of the endpoints that are connected. It
 * holds connections and nothing else; what a channel must not forget when it goes idle (health,
 * sessions, counters) is the service's.
 */
export class FairleadLoadBalancer
  implements experimental.LoadBalancer, LeafHost, PickerContext, RefreshHost, SubsetsHost, WaitExplainer
{
  readonly helper: experimental.ChannelControlHelper;
  readonly leaves: Map<Endpoint, Leaf> = new Map();
  #binding: ChannelBinding | undefined;
  #subsets: ChannelSubsets | undefined;
  #stopFollowing: (() => void) | undefined;
  #refresh: Refresh | undefined;
  #picker: experimental.Picker | undefined;
  /** Why nothing is known of the service. */
  #unresolved: string | undefined;
  /** Why the channel fails, as it was last reported. */
  #failure: string | undefined;
  #connected = 0;
  #trying = 0;
  #publishing = false;
  #destroyed = false;

  constructor(helper: experimental.ChannelControlHelper) {
    this.helper = helper;
  }

  /**
   * Called by grpc-js with every resolution. The list itself comes from the service, which knows it
   * already.
   */
  updateAddressList(
    resolution: experimental.StatusOr<experimental.Endpoint[]>,
    _config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
  ): boolean {
    const binding = bindingOf(options);
    if (binding === undefined) {
      this.#fail('The policy "fairlead" balances targets of registerGrpc() only: "fairlead:///service".');
      return true;
    }
    this.#binding = binding;
    this.#unresolved = resolution.ok ? undefined : resolution.error.details;
    if (!resolution.ok) {
      this.#publish();
      return true;
    }
    try {
      this.#open(binding);
      this.#sync(binding, connectionOptions(options));
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
    return true;
  }

  /**
   * grpc-js calls it before every call. Connections are never idle here, so there is nothing to do.
   */
  exitIdle(): void {}

  resetBackoff(): void {
    for (const leaf of this.leaves.values()) leaf.retryNow();
  }

  destroy(): void {
    this.#destroyed = true;
    for (const leaf of this.leaves.values()) leaf.close();
    this.#binding?.reachability.removed(this.leaves.values());
    this.leaves.clear();
    this.#refresh?.cancel();
    this.#stopFollowing?.();
    if (this.#subsets !== undefined) this.#binding?.explainsNoMore(this.#subsets);
    this.#subsets?.close();
    this.#binding?.gate.close();
  }

  getTypeName(): string {
    return POLICY_NAME;
  }

  leafChanged(leaf: Leaf, from: connectivityState, to: connectivityState): void {
    if (from === to || !this.leaves.has(leaf.endpoint)) return;
    this.#count(from, -1);
    this.#count(to, 1);
    this.#binding!.reachability.changed(leaf);
    if (from === READY) this.#refresh?.mustHappen();
    else if (to === READY) this.#refresh?.mayWait();
    else this.#publishSoon();
  }

  #open(binding: ChannelBinding): void {
    if (this.#subsets !== undefined) return;
    this.#subsets = new ChannelSubsets(this);
    this.#refresh = new Refresh(binding.clock, this);
    binding.explains(this.#subsets);
    this.#stopFollowing = binding.live?.onChange(() => this.#subsets?.forgetMethods());
    this.#picker = new ConnectedPicker(this);
  }

  openSubset(policy: PolicySpec | undefined): Subset {
    return this.#binding!.openSubset((endpoint) => this.leaves.get(endpoint)?.subchannel !== undefined, policy);
  }

  get subsets(): ChannelSubsets {
    return this.#subsets!;
  }

  get pending(): PendingAttempts {
    return this.#binding!.pending;
  }

  get live(): LiveAttempts {
    return this.#binding!.attempts;
  }

  get classify(): Classify | undefined {
    return this.#binding!.classify;
  }

  get reportsPerCall(): boolean {
    return this.#binding!.reportsPerCall;
  }

  get authority(): string {
    return this.#binding!.authority;
  }

  settle(): void {
    this.#refresh?.settle();
  }

  refreshed(): void {
    this.#subsets?.refresh();
    this.#publishSoon();
  }

  isComing(part: NonNullable<AcquireRequest['part']>): boolean {
    if (this.#trying === 0) return false;
    let coming = false;
    for (const [endpoint, leaf] of this.leaves) {
      if (!part.has(endpoint)) continue;
      if (leaf.subchannel !== undefined) return false;
      if (leaf.state !== TRANSIENT_FAILURE && endpoint.state === 'ready') coming = true;
    }
    return coming;
  }

  /**
   * One leaf per endpoint that this client should know. The core has taken departed ones out of the
   * subset already.
   */
  #sync(binding: ChannelBinding, options: ChannelOptions): void {
    const { reachability } = binding;
    const settings = binding.connections(options);
    const listed = new Set(binding.service.usedEndpoints);
    const gone: Leaf[] = [];
    const fresh: Leaf[] = [];
    for (const [endpoint, leaf] of this.leaves) {
      // Another name is another connection: its certificate has not been looked at.
      const isSame = leaf.authority === ownName(settings.authority, endpoint.spec);
      if (listed.has(endpoint) && isSame) continue;
      this.leaves.delete(endpoint);
      this.#count(leaf.state, -1);
      leaf.close();
      gone.push(leaf);
    }
    for (const endpoint of listed) {
      const known = this.leaves.get(endpoint);
      if (known !== undefined) {
        known.update(settings);
        known.rediscovered();
        continue;
      }
      const leaf = new Leaf(endpoint, this, settings);
      this.leaves.set(endpoint, leaf);
      this.#count(leaf.state, 1);
      reachability.changed(leaf);
      fresh.push(leaf);
    }
    reachability.removed(gone);
    for (const leaf of fresh) leaf.connect();
    this.#publishSoon();
  }

  #count(state: connectivityState, by: 1 | -1): void {
    if (state === READY) this.#connected += by;
    else if (state !== TRANSIENT_FAILURE) this.#trying += by;
  }

  /** Notifies grpc-js once per burst of changes, and never from inside a pick. */
  #publishSoon(): void {
    if (this.#publishing) return;
    this.#publishing = true;
    queueMicrotask(() => {
      this.#publishing = false;
      if (!this.#destroyed) this.#publish();
    });
  }

  #publish(): void {
    this.#refresh?.settle();
    if (this.#connected > 0) this.#report(READY, this.#picker!, 'open');
    else if (this.#trying > 0 || this.#binding?.awaitsEndpoints)
      this.#report(CONNECTING, new WaitingPicker(), 'closed');
    else this.#fail(this.#whyUnavailable());
  }

  #fail(details: string): void {
    this.#report(TRANSIENT_FAILURE, new RefusingPicker(details), 'failing', details);
  }

  /** Calls that waited go on after grpc-js has the picker that they will ask. */
  #report(state: connectivityState, picker: experimental.Picker, gate: GateState, details?: string): void {
    this.helper.updateState(state, picker, details ?? null);
    this.#failure = details;
    this.#binding?.gate.turn(gate, this);
  }

  whyWaiting(): string {
    return this.#failure ?? this.#whyUnavailable();
  }

  #whyUnavailable(): string {
    const service = this.#binding?.service;
    if (this.#unresolved !== undefined) return this.#unresolved;
    if (this.leaves.size === 0 || this.#connected > 0) {
      try {
        this.#subsets?.of(undefined).acquire()[Symbol.dispose]();
      } catch (error) {
        if (error instanceof FairleadError) return error.message;
      }
      return `No endpoint of service '${service?.name}' ${this.#connected > 0 ? 'was free' : 'is known'}.`;
    }
    const errors = [...this.leaves.values()].map(
      ({ endpoint, lastError }) => `${endpoint.spec.id}: ${lastError || 'not connected'}`,
    );
    const shown = errors.slice(0, MAX_SHOWN_ERRORS).join('; ');
    const more = errors.length > MAX_SHOWN_ERRORS ? `; and ${errors.length - MAX_SHOWN_ERRORS} more` : '';
    return `No connection to any of the ${errors.length} endpoints of service '${service?.name}' (${shown}${more}).`;
  }
}

/** In an error message; more would hide the point. */
const MAX_SHOWN_ERRORS = 3;

/**
 * What identifies a connection: two channels share one where these are equal. The config selector
 * is each channel's own and has nothing to do with it.
 */
function connectionOptions(options: ChannelOptions): ChannelOptions {
  const { [experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY]: _selector, ...rest } = options as Record<string, unknown>;
  return rest as ChannelOptions;
}

/** Two refreshes in a row are this far apart at least, where nothing was lost; milliseconds. */
const MIN_REFRESH_GAP_MS = 5;
/**
 * At most 1 / `REFRESH_SHARE` of the time is spent on refreshing: rings of thousands of endpoints
 * take long to build.
 */
const REFRESH_SHARE = 20;
/** And yet a new connection is used within this time; milliseconds. */
const MAX_REFRESH_GAP_MS = 100;

interface RefreshHost {
  /** It is time to. */
  refreshed(): void;
}

/**
 * When to compute the subset anew. A lost connection must be out before the next pick. A new one
 * may wait a moment while many connect at once (the first is never delayed): else N connections
 * would cost N computations over N endpoints.
 */
class Refresh {
  readonly #clock: Clock;
  readonly #host: RefreshHost;
  #due = false;
  #timer: Timer | undefined;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, host: RefreshHost) {
    this.#clock = clock;
    this.#host = host;
  }

  /** Before the next pick. */
  mustHappen(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => this.settle());
  }

  mayWait(): void {
    if (this.#due || this.#timer !== undefined) return;
    const waitMs = this.#nextAtMs - this.#clock.now();
    if (waitMs <= 0) this.mustHappen();
    else this.#timer = this.#clock.after(waitMs, () => this.#now());
  }

  /** Runs if it must. One comparison otherwise. */
  settle(): void {
    if (this.#due) this.#now();
  }

  cancel(): void {
    this.#due = false;
    this.#timer?.cancel();
  }

  #now(): void {
    this.#due = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    const startMs = this.#clock.now();
    this.#host.refreshed();
    const endMs = this.#clock.now();
    const gapMs = Math.max(MIN_REFRESH_GAP_MS, (endMs - startMs) * REFRESH_SHARE);
    this.#nextAtMs = endMs + Math.min(gapMs, MAX_REFRESH_GAP_MS);
  }
}

/**
 * Has no content: what the user wrote was read, and refused where wrong, when the channel was made.
 */
export class FairleadConfig implements experimental.TypedLoadBalancingConfig {
  static createFromJson(_json: unknown): FairleadConfig {
    return new FairleadConfig();
  }

  getLoadBalancerName(): string {
    return POLICY_NAME;
  }

  toJsonObject(): object {
    return { [POLICY_NAME]: {} };
  }
}
