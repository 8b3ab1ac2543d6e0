import type { Endpoint } from '../../endpoint/endpoint.js';
import { isFailure, Outcome } from '../../runtime/outcome.js';
import type { EjectionRecord, ServerReport, SimulationReport } from './report.js';
import { Report } from './report.js';

interface Tally {
  attempts: number;
  failures: number;
  inflight: number;
  maxInflight: number;
  ejections: number;
}

/** Numbers in a typed array that grows: a million calls take 8 MB a column and no garbage. */
class Column {
  #values = new Float64Array(1_024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(this.#length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = value;
  }

  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/**
 * Writes down what the clients see. Calls that begin before the warm-up is over are not counted.
 */
export class Recorder {
  readonly #warmupMs: number;
  readonly #now: () => number;
  readonly #tallies: ReadonlyMap<string, Tally>;
  readonly #starts = new Column();
  readonly #latencies = new Column();
  readonly #ejections: EjectionRecord[] = [];
  /** Calls on their way now. */
  open = 0;

  constructor(serverIds: readonly string[], warmupMs: number, now: () => number) {
    this.#warmupMs = warmupMs;
    this.#now = now;
    this.#tallies = new Map(
      serverIds.map((id) => [id, { attempts: 0, failures: 0, inflight: 0, maxInflight: 0, ejections: 0 }]),
    );
  }

  began(endpoint: Endpoint): void {
    const tally = this.#tallies.get(endpoint.spec.id)!;
    // Counted here and not read from the endpoint: every client has its own endpoint for the same
    // server.
    tally.inflight++;
    if (this.#now() < this.#warmupMs) return;
    tally.attempts++;
    if (tally.inflight > tally.maxInflight) tally.maxInflight = tally.inflight;
  }

  ended(endpoint: Endpoint, outcome: Outcome): void {
    const tally = this.#tallies.get(endpoint.spec.id)!;
    tally.inflight--;
    if ((isFailure(outcome) || outcome === Outcome.Overloaded) && this.#now() >= this.#warmupMs) tally.failures++;
  }

  settled(startMs: number, endMs: number, ok: boolean): void {
    this.open--;
    if (startMs < this.#warmupMs) return;
    this.#starts.push(startMs);
    this.#latencies.push(ok ? endMs - startMs : Number.POSITIVE_INFINITY);
  }

  ejected(atMs: number, client: number, server: string, signal: string): void {
    this.#ejections.push({ atMs, client, server, signal });
    this.#tallies.get(server)!.ejections++;
  }

  /** Calls still open get no answer any more and count as failed. */
  report(): SimulationReport {
    for (let i = 0; i < this.open; i++) {
      this.#starts.push(this.#now());
      this.#latencies.push(Number.POSITIVE_INFINITY);
    }
    let attempts = 0;
    for (const tally of this.#tallies.values()) attempts += tally.attempts;
    const servers: ServerReport[] = [...this.#tallies].map(([id, tally]) => ({
      id,
      attempts: tally.attempts,
      share: attempts === 0 ? 0 : tally.attempts / attempts,
      failures: tally.failures,
      maxInflight: tally.maxInflight,
      ejections: tally.ejections,
    }));
    return new Report(this.#starts.values, this.#latencies.values, servers, this.#ejections);
  }
}
