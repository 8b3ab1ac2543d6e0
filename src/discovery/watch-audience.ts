import type { EndpointSpec } from '../endpoint/endpoint.js';
import type { Clock } from '../runtime/clock.js';
import type { ResolverSink } from './resolver.js';
import { tell } from './tell.js';

/** An error that stays the same is reported again after this long; milliseconds. */
const REPEAT_ERROR_MS = 10_000;

/** Those who share a watch. Each newcomer gets at once what the others know. */
export class WatchAudience {
  readonly #clock: Clock;
  readonly #sinks = new Set<ResolverSink>();
  #endpoints: readonly EndpointSpec[] = [];
  #version = '';
  #changes = 0;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #error: Error | undefined;
  #errorAtMs = Number.NEGATIVE_INFINITY;
  readonly #notes = new Set<string>();
  #notedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The version of the list that was reported last, '' before the first. */
  get version(): string {
    return this.#version;
  }

  get size(): number {
    return this.#sinks.size;
  }

  add(sink: ResolverSink): void {
    this.#sinks.add(sink);
    const ageMs = this.#clock.now() - this.#confirmedAtMs;
    if (this.#version !== '') tell(() => sink.snapshot(this.#endpoints, this.#version, ageMs));
    const error = this.#error;
    if (error !== undefined) tell(() => sink.error(error));
  }

  delete(sink: ResolverSink): void {
    this.#sinks.delete(sink);
  }

  /** The whole list, confirmed. */
  snapshot(endpoints: readonly EndpointSpec[], index: string, ageMs: number): void {
    this.#confirmedAtMs = this.#clock.now() - ageMs;
    this.#error = undefined;
    this.#publish(endpoints, index);
  }

  /**
   * A list of which a part is not confirmed: it is reported when it changed something, and its age
   * goes on.
   */
  partial(endpoints: readonly EndpointSpec[], index: string): void {
    if (!sameList(endpoints, this.#endpoints)) this.#publish(endpoints, index);
  }

  error(error: Error): void {
    const nowMs = this.#clock.now();
    const known = this.#error?.message === error.message && nowMs - this.#errorAtMs < REPEAT_ERROR_MS;
    this.#error = error;
    if (known) return;
    this.#errorAtMs = nowMs;
    for (const sink of this.#sinks) tell(() => sink.error(error));
  }

  /** What failed of a list that is confirmed: the same is not reported with each list. */
  note(error: Error): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#notedAtMs >= REPEAT_ERROR_MS) {
      this.#notes.clear();
      this.#notedAtMs = nowMs;
    }
    if (this.#notes.has(error.message)) return;
    this.#notes.add(error.message);
    for (const sink of this.#sinks) tell(() => sink.error(error));
  }

  #publish(endpoints: readonly EndpointSpec[], index: string): void {
    if (this.#version === '' || !sameList(endpoints, this.#endpoints)) {
      // Not the index alone: after a restart the same index may stand for another list.
      this.#version = `${index}.${++this.#changes}`;
      this.#endpoints = endpoints;
    }
    const ageMs = this.#clock.now() - this.#confirmedAtMs;
    for (const sink of this.#sinks) tell(() => sink.snapshot(this.#endpoints, this.#version, ageMs));
  }
}

function sameList(a: readonly EndpointSpec[], b: readonly EndpointSpec[]): boolean {
  return a === b || (a.length === b.length && a.every((spec, index) => spec === b[index]));
}
