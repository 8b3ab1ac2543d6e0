/**
 * The campaign: random operations of several client processes over real servers, under random
 * faults, recorded, and checked from the record.
 *
 *     npm run campaign -- --seed 7 --minutes 60 --only redis
 *
 * A run has rounds, of half a minute or so. All that a round does follows from its seed: the options
 * of the clients, the schedule of the faults and what each worker asks for next (not in which
 * order the machine does it all). One round:
 *
 * 1. `part.plan(random)` draws options and names the faults that go with them; `schedule.ts` draws
 *    when each of them begins and ends, also two at a time and one inside another.
 * 2. `part.start(setting)` starts the servers: a `PartWorld`.
 * 3. Client processes are forked. Each loads `part.client`, a module that exports `client: ClientPart`,
 *    and runs `step(worker)` again and again in each of its workers. All it asks for is recorded by
 *    `context.history`: a line before it is sent, and one for how it ended (history.ts).
 * 4. Faults begin and end. The runner has three of its own, for the clients: `client-kill` (and a
 *    new one in its place), `client-pause` (SIGSTOP) and `client-busy` (its event loop is blocked).
 * 5. All faults are over; `world.heal()` returns when every server serves. Workers end what they have
 *    under way; what does not end is a violation.
 * 6. In quiet, one client after the other runs `final()`: what it reads there is what must be true.
 * 7. Clients `end()`, and their processes have to end by themselves: a timer, socket or listener that
 *    is left keeps one alive, and is a violation with its name.
 * 8. `part.check(record)` reads the history and returns violations. `checks/` has what parts share:
 *    counters, registers, collections, locks, deliveries, and whether failures had a cause.
 *
 * A violation is printed with the seed, the schedule and the history around it, after the schedule
 * was shrunk (shrink.ts). A part is a folder in `parts/` and one line in `parts/index.ts`.
 */
import type { Random } from 'fairlead/testing';
import type { ClientHistory, Operation } from './history.js';

/** A kind of fault that a part can make. */
export interface FaultKind {
  readonly kind: string;
  /** How many things it can be done to; a fault of the schedule has a `target` below that. */
  readonly targets: number;
  /** Drawn for each fault, uniformly; ms. */
  readonly lastsMs: readonly [min: number, max: number];
  /** How often it is drawn, beside the others. Default 1. */
  readonly weight?: number;
  /**
   * Faults of one group and target never overlap: they would undo each other (a restart within a
   * kill). Those of different groups do. Default: none.
   */
  readonly group?: string;
  /** How long nothing else of its group and target begins once it is over: what follows is seen. */
  readonly restsMs?: readonly [min: number, max: number];
}

/**
 * Faults that come in the moment in which what another one began is under way: drawn uniformly they
 * seldom meet it.
 */
export interface Echo {
  /** The kinds whose beginning and end are followed. */
  readonly of: RegExp;
  /** What follows, drawn from the faults of the round of these kinds. */
  readonly by: RegExp;
  readonly afterMs: readonly [min: number, max: number];
  /** How often; 0 to 1. */
  readonly chance: number;
}

/** What a round is about; the schedule keeps it, so it is plain JSON. */
export interface Plan {
  /** Options of the clients, as the client module reads them. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly faults: readonly FaultKind[];
  /** Default: none. */
  readonly echoes?: readonly Echo[];
  readonly clients: number;
  /** Workers of each client, which ask one thing at a time. */
  readonly workers: number;
  /** How many keys (or rows, sessions, …) the workers share. */
  readonly keys: number;
}

/** One fault of a schedule; times are from the moment when all clients are ready. */
export interface Fault {
  readonly kind: string;
  readonly target: number;
  readonly atMs: number;
  readonly lastsMs: number;
  /** That of its kind: on a slow machine it waits until the one before is over. */
  readonly group?: string;
}

export interface Schedule {
  readonly part: string;
  readonly seed: number;
  readonly lastsMs: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly clients: number;
  readonly workers: number;
  readonly keys: number;
  readonly faults: readonly Fault[];
}

/** A fault as it happened: on the clock of the history. `overMs` is when it was made good. */
export interface FaultSpan extends Fault {
  readonly beganMs: number;
  readonly overMs: number;
}

/**
 * The kind of a span in which the machine ran none of us: it may be felt anywhere. It is measured, and
 * not drawn.
 */
export const STARVED = 'machine-busy';

/** The same of one server, by its own clock: `target` is the server. */
export const SERVER_STARVED = 'server-busy';

/** The same of a client; what it was told to do all the time is in it, too (`client-busy`). */
export const CLIENT_STARVED = 'client-late';

/** Whether the machine had too much else to do for this operation to succeed in its time. */
export function isStarved({ invokedMs, endedMs }: Operation, faults: readonly FaultSpan[]): boolean {
  const near = ({ beganMs, overMs }: FaultSpan): boolean => beganMs <= endedMs && overMs + 5_000 >= invokedMs;
  return faults.some((fault) => fault.kind === STARVED && near(fault));
}

/** The servers of a round. */
export interface PartWorld extends AsyncDisposable {
  /** What client processes are told, beside the options: addresses. Plain JSON. */
  readonly clients: unknown;
  /** Begins a fault; the function that it resolves with ends it. */
  begin(fault: Fault): Promise<() => Promise<void>>;
  /** All faults have ended: returns when every server serves, whatever they did. */
  heal(): Promise<void>;
  /** After the last client has ended: what the servers say themselves, added to the history. */
  finish?(history: ClientHistory): Promise<void>;
  /** After `finish()`: what nobody made and servers felt all the same. */
  readonly measured?: readonly FaultSpan[];
}

/** Runs in the client process. */
export interface ClientContext {
  /** `c0`, and `c0.1` for the one that took its place when it was killed. */
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly world: unknown;
  readonly workers: number;
  readonly keys: number;
  readonly random: Random;
  readonly history: ClientHistory;
}

export interface RunningClient {
  /** One random operation of a worker, whose random numbers these are. It does not reject. */
  step(worker: number, random: Random): Promise<void>;
  /** In quiet: reads all that was written, as operations of their own (`final-…`). */
  final(): Promise<void>;
  /** Closes all that it opened. Afterwards the process has to end by itself. */
  end(): Promise<void>;
}

export interface ClientPart {
  start(context: ClientContext): Promise<RunningClient>;
}

/** What the checkers read. */
export interface RunRecord {
  readonly schedule: Schedule;
  /** Sorted by the time they were invoked. */
  readonly operations: readonly Operation[];
  readonly faults: readonly FaultSpan[];
}

export interface Violation {
  /** The promise that was broken, in a few words: `counter: acknowledged write lost`. */
  readonly promise: string;
  readonly says: string;
  /** The operations around it; they are printed. */
  readonly operations?: readonly Operation[];
}

export interface CampaignPart {
  readonly name: string;
  /** The file of the client module. */
  readonly client: string;
  plan(random: Random): Plan;
  start(schedule: Schedule): Promise<PartWorld>;
  check(record: RunRecord): Violation[];
}
