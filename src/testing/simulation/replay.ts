import type { PolicyFactory } from '../../balancing/factory.js';
import type { PolicySpec } from '../../balancing/spec.js';
import { invalidOption } from '../../runtime/options.js';
import { Outcome } from '../../runtime/outcome.js';
import type { Random } from '../../runtime/random.js';
import type { ServiceOptions } from '../../service/options.js';
import type { Flight } from '../../telemetry/flight.js';
import { SHORTEST_GAP_MS } from './distributions.js';
import type { FailFault } from './faults.js';
import { Report, type SimulationReport } from './report.js';
import { simulate } from './simulate.js';

export interface ReplayOptions {
  /** What is to pick in place of what picked then. */
  readonly policy: PolicySpec;
  /** What else the service would be given. Default: nothing, and no health signals. */
  readonly service?: Omit<ServiceOptions, 'policy'>;
  /** Policies of your own that `policy` names. */
  readonly policies?: readonly PolicyFactory<never>[];
  /** Default 1. */
  readonly seed?: number;
}

export interface FlightReplay {
  /** What became of the recorded calls, those without an end left out. */
  readonly recorded: SimulationReport;
  /** What would have become of them. */
  readonly replayed: SimulationReport;
}

/** Failures are taken together over this long. */
const BUCKET_MS = 1_000;
/** A response time is one of so many that the server had about then, before and after. */
const NEAREST = 8;

/**
 * What another policy would have made of a recorded flight: the same calls at the same moments by
 * the same keys (their hashes), and servers that answer each call as they answered others about
 * that time. An endpoint without a call of its own answers as the others do.
 *
 * The servers do not feel the other load: one that was slow because too many calls went there is as
 * slow with few. So it shows what a policy would have seen and avoided, not how far a server would
 * have recovered. All endpoints are listed all the time. With `every` above 1 only the recorded
 * calls are made.
 *
 * ```ts
 * const { recorded, replayed } = replayFlight(flight, { policy: 'peak_ewma' });
 * console.log(recorded.percentileMs(0.99), replayed.percentileMs(0.99));
 * ```
 *
 * Throws FAIRLEAD_INVALID_OPTION for what is no flight, or has no decision that ended.
 */
export function replayFlight(flight: Flight, options: ReplayOptions): FlightReplay {
  checkFlight(flight);
  const { servers, all } = serversOf(flight);
  const { atMs } = flight;
  const durationMs = atMs[atMs.length - 1]! + 1;
  // Which call is about to be made.
  let next = 0;
  let nowMs = 0;
  const replayed = simulate({
    seed: options.seed ?? 1,
    durationMs,
    servers: [...servers.values()].map(({ spec, served }) => {
      // One that answered nothing answers as the others do, where a fault lets it.
      const answers = served.length > 0 ? served : all;
      return { ...spec, serviceTime: (random: Random) => nearest(answers, nowMs, random) };
    }),
    faults: [...servers.values()].flatMap(failuresOf),
    arrivals: {
      gapMs: (_random, atNowMs) => {
        next++;
        nowMs = next < atMs.length ? atMs[next]! : durationMs;
        // Calls of one moment follow each other as closely as calls may.
        return Math.max(nowMs - atNowMs, SHORTEST_GAP_MS);
      },
    },
    key: (() => (flight.key[next] ? `#${flight.key[next]}` : undefined)) as never,
    service: { health: [], ...options.service, policy: options.policy },
    ...(options.policies && { policies: options.policies }),
  });
  return { recorded: recordedReport(flight), replayed };
}

function checkFlight(flight: Flight): void {
  const { version, atMs, outcome } = (flight ?? {}) as Partial<Flight>;
  if (version !== 1 || !Array.isArray(atMs) || !Array.isArray(outcome))
    throw invalidOption('flight', flight, 'what service.flight.read() returned');
  if (!outcome.some((each) => each !== -1))
    throw invalidOption('flight', flight, 'one with at least one call that ended');
}

interface Answer {
  readonly atMs: number;
  readonly latencyMs: number;
}

interface RecordedServer {
  readonly spec: { readonly id: string; readonly weight: number; readonly zone: string; readonly priority: number };
  /** In the order of their times. */
  readonly served: Answer[];
  readonly failed: (Answer & { readonly outcome: Outcome })[];
}

/** The servers by id, and what all of them answered: at least one answer. */
function serversOf(flight: Flight): { servers: ReadonlyMap<string, RecordedServer>; all: readonly Answer[] } {
  const servers = new Map<string, RecordedServer>();
  for (const spec of flight.endpoints) servers.set(spec.id, { spec, served: [], failed: [] });
  const all: Answer[] = [];
  for (const [i, atMs] of flight.atMs.entries()) {
    const outcome = flight.outcome[i] as Outcome | -1;
    const server = servers.get(flight.endpoints[flight.endpoint[i]!]!.id)!;
    const latencyMs = Math.max(flight.latencyMs[i]!, 0);
    // A call that was given up says nothing of how long its answer would have taken.
    if (outcome === -1 || outcome === Outcome.Cancelled) continue;
    if (isServed(outcome)) {
      server.served.push({ atMs, latencyMs });
      all.push({ atMs, latencyMs });
    } else server.failed.push({ atMs, latencyMs, outcome });
  }
  if (all.length === 0) all.push({ atMs: 0, latencyMs: 1 });
  return { servers, all };
}

function isServed(outcome: Outcome): boolean {
  return outcome === Outcome.Success || outcome === Outcome.ApplicationError;
}

function nearest(served: readonly Answer[], nowMs: number, random: Random): number {
  let low = 0;
  let high = served.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (served[middle]!.atMs < nowMs) low = middle + 1;
    else high = middle;
  }
  const from = Math.max(0, Math.min(low - NEAREST / 2, served.length - NEAREST));
  const count = Math.min(NEAREST, served.length);
  return served[from + random.below(count)]!.latencyMs;
}

/** For each second in which calls failed, the share that did. */
function failuresOf({ spec, served, failed }: RecordedServer): FailFault[] {
  const buckets = new Map<number, { failures: RecordedServer['failed'] }>();
  for (const each of failed) {
    const bucket = Math.floor(each.atMs / BUCKET_MS);
    const known = buckets.get(bucket);
    if (known === undefined) buckets.set(bucket, { failures: [each] });
    else known.failures.push(each);
  }
  return [...buckets].map(([bucket, { failures }]) => {
    const [fromMs, untilMs] = [bucket * BUCKET_MS, (bucket + 1) * BUCKET_MS];
    const answered = served.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs).length;
    return {
      kind: 'fail',
      server: spec.id,
      fromMs,
      untilMs,
      ratio: failures.length / (failures.length + answered),
      after: (random) => failures[random.below(failures.length)]!.latencyMs,
      outcome: failures[0]!.outcome,
    };
  });
}

function recordedReport({ atMs, outcome, latencyMs, endpoint, endpoints }: Flight): SimulationReport {
  const ended = atMs.map((_, i) => i).filter((i) => outcome[i] !== -1 && outcome[i] !== Outcome.Cancelled);
  const failed = (i: number): boolean => !isServed(outcome[i] as Outcome);
  const servers = endpoints.map(({ id }, index) => {
    const own = ended.filter((i) => endpoint[i] === index);
    return {
      id,
      attempts: own.length,
      share: own.length / ended.length,
      failures: own.filter(failed).length,
      maxInflight: 0,
      ejections: 0,
    };
  });
  return new Report(
    Float64Array.from(ended, (i) => atMs[i]!),
    Float64Array.from(ended, (i) => (failed(i) ? Number.POSITIVE_INFINITY : latencyMs[i]!)),
    servers,
    [],
  );
}
