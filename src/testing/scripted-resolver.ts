import { readEndpoint } from '../discovery/endpoint-input.js';
import type { EndpointInput, Resolver, ResolverSink, ServiceQuery } from '../discovery/resolver.js';
import { tell } from '../discovery/tell.js';
import type { EndpointSpec } from '../endpoint/endpoint.js';
import { whenAborted } from '../runtime/abort-audience.js';
import type { Clock } from '../runtime/clock.js';
import { invalidOption } from '../runtime/options.js';

/** One thing that discovery does. Times are milliseconds since the resolver was made. */
export type ScriptStep =
  /**
   * It reports this list. `version` defaults to a new one; the same again confirms the list that is
   * in force.
   */
  | { readonly atMs: number; readonly snapshot: readonly EndpointInput[]; readonly version?: string }
  /** It fails; the last list stays in force. */
  | { readonly atMs: number; readonly error: Error }
  /**
   * It falls silent: what the script has in this time is not reported, as when a watch hangs. At
   * its end the last list that was missed is reported.
   */
  | { readonly atMs: number; readonly silentForMs: number };

export interface ScriptedResolverOptions {
  /** The clock that the script follows, usually the mesh's `ManualClock`. */
  readonly clock: Clock;
  /**
   * What happens, by service name. Steps may be in any order; those of one time happen as they
   * stand.
   */
  readonly script: Readonly<Record<string, readonly ScriptStep[]>>;
}

export interface ScriptedResolver extends Resolver {
  /** How many watches are open on a service: 0 when everything was closed well. */
  watching(service: string): number;
}

/**
 * A resolver that does what a script says, when it says so: lists, errors and silences.
 *
 * ```ts
 * const clock = new ManualClock();
 * const resolver = scriptedResolver({
 *   clock,
 *   script: {
 *     users: [
 *       { atMs: 0, snapshot: ['127.0.0.1:5001', '127.0.0.1:5002'] },
 *       { atMs: 5_000, error: new Error('the agent is gone') },
 *       { atMs: 9_000, snapshot: ['127.0.0.1:5002'] },
 *     ],
 *   },
 * });
 * ```
 *
 * A late watcher receives the list that is in force, as from any resolver. Throws
 * FAIRLEAD_INVALID_OPTION for a step that is not right.
 */
export function scriptedResolver(options: ScriptedResolverOptions): ScriptedResolver {
  return new Script(options);
}

interface Listing {
  readonly endpoints: readonly EndpointSpec[];
  readonly version: string;
}

class ScriptedService {
  readonly sinks = new Set<ResolverSink>();
  /** What discovery reports; undefined before the first list. */
  current: Listing | undefined;
  /** A list that came up during a silence. */
  missed: Listing | undefined;
  silentUntilMs = Number.NEGATIVE_INFINITY;
}

class Script implements ScriptedResolver {
  readonly name = 'scripted';
  readonly #clock: Clock;
  readonly #services = new Map<string, ScriptedService>();

  constructor({ clock, script }: ScriptedResolverOptions) {
    this.#clock = clock;
    for (const [name, steps] of Object.entries(script)) {
      const service = this.#service(name);
      steps.forEach((step, index) => {
        const at = `scriptedResolver.${name}[${index}]`;
        if (!(step.atMs >= 0)) throw invalidOption(`${at}.atMs`, step.atMs, 'a number from 0');
        const act = this.#read(service, step, at, `${name}-${index}`);
        // What is due at once happens at once, so that a mesh made next has its endpoints without
        // advancing the clock.
        if (step.atMs === 0) act();
        else clock.after(step.atMs, act);
      });
    }
  }

  watch(query: ServiceQuery, sink: ResolverSink, signal: AbortSignal): void {
    if (signal.aborted) return;
    const service = this.#service(query.service);
    service.sinks.add(sink);
    whenAborted(signal, () => service.sinks.delete(sink));
    if (service.current !== undefined && this.#clock.now() >= service.silentUntilMs) report(service.current, sink);
  }

  watching(name: string): number {
    return this.#services.get(name)?.sinks.size ?? 0;
  }

  #service(name: string): ScriptedService {
    let service = this.#services.get(name);
    if (service === undefined) {
      service = new ScriptedService();
      this.#services.set(name, service);
    }
    return service;
  }

  /** Checks a step now; returns what to do when its time has come. */
  #read(service: ScriptedService, step: ScriptStep, at: string, ownVersion: string): () => void {
    if ('snapshot' in step) {
      const endpoints = step.snapshot.map((input, index) => readEndpoint(input, `${at}.snapshot[${index}]`));
      const listing = { endpoints, version: step.version ?? ownVersion };
      return () => this.#list(service, listing);
    }
    if ('error' in step) {
      const { error } = step;
      if (!(error instanceof Error)) throw invalidOption(`${at}.error`, error, 'an Error');
      return () => {
        if (!this.#isSilent(service)) for (const sink of [...service.sinks]) tell(() => sink.error(error));
      };
    }
    const { silentForMs } = step;
    if (!(silentForMs > 0)) throw invalidOption(`${at}.silentForMs`, silentForMs, 'a number above 0');
    return () => this.#silence(service, silentForMs);
  }

  #list(service: ScriptedService, listing: Listing): void {
    if (this.#isSilent(service)) {
      service.missed = listing;
      return;
    }
    service.current = listing;
    for (const sink of [...service.sinks]) report(listing, sink);
  }

  #silence(service: ScriptedService, forMs: number): void {
    service.silentUntilMs = Math.max(service.silentUntilMs, this.#clock.now() + forMs);
    this.#clock.after(forMs, () => {
      if (this.#isSilent(service)) return;
      const listing = service.missed ?? service.current;
      service.missed = undefined;
      if (listing !== undefined) this.#list(service, listing);
    });
  }

  #isSilent(service: ScriptedService): boolean {
    return this.#clock.now() < service.silentUntilMs;
  }
}

function report(listing: Listing, sink: ResolverSink): void {
  tell(() => sink.snapshot(listing.endpoints, listing.version));
}
