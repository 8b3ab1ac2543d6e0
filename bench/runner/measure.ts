import { type ChildProcess, fork } from 'node:child_process';
import { loadavg } from 'node:os';
import type { Random } from 'fairlead';
import type { Order, Turn } from './contender-process.js';
import type { OwnFrames } from './profile.js';
import { type Interval, judge, MIN_ROUNDS, median, medianInterval, type Verdict } from './statistics.js';
import type { Case } from './suite.js';

export interface Row {
  readonly name: string;
  /** The baseline once more: how far a ratio strays from 1 with nothing behind it. */
  readonly control: boolean;
  readonly cpuUs: number;
  readonly wallUs: number;
  /** How many times as quick as the baseline, by elapsed time within a round. */
  readonly speed: number;
  /** Left on the heap by an operation; of what keeps nothing alive, what it allocates. */
  readonly bytes: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly ratio: number;
  readonly interval: Interval;
  readonly verdict: Verdict | 'baseline' | 'control';
  readonly target: number | undefined;
  readonly own: OwnFrames;
}

export interface Table {
  readonly title: string;
  readonly rounds: number;
  readonly operations: number;
  readonly measure: string;
  /** The machine's load average over a minute, as the case began. */
  readonly load: number;
  readonly rows: readonly Row[];
}

/** Where the built bench lies, and which part of it is wanted. */
export interface Place {
  readonly process: string;
  readonly suite: string;
  readonly caseIndex: number;
}

/** A young generation of 64 MB: what a turn allocates is still there when it is counted. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
const TURNS_FOR_BYTES = 3;

/** One contender's process. */
class Remote {
  readonly name: string;
  readonly control: boolean;
  readonly turns: Turn[] = [];
  readonly #child: ChildProcess;
  #settle: ((message: { readonly answer?: unknown; readonly error?: string }) => void) | undefined;

  constructor(place: Place, name: string, control: boolean) {
    this.name = name;
    this.control = control;
    const args = [place.suite, String(place.caseIndex), name];
    this.#child = fork(place.process, args, { execArgv: FLAGS, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message: object) => this.#settle?.(message));
    this.#child.on('exit', (code) => this.#settle?.(code === 0 ? { answer: null } : { error: `ended with ${code}` }));
  }

  begun(): Promise<unknown> {
    return this.#answer();
  }

  ask<T>(order: Order): Promise<T> {
    const answer = this.#answer();
    this.#child.send(order);
    return answer as Promise<T>;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#settle = ({ answer, error }) => {
        if (error === undefined) resolve(answer);
        else reject(new Error(`contender '${this.name}': ${error}`));
      };
    });
  }
}

/** How long a case may go on. */
export interface Most {
  readonly rounds: number;
  /** No round begins after so many seconds, once there are `MIN_ROUNDS`. */
  readonly seconds: number | undefined;
}

/** All contenders of a case, each in its process, in turn within each round. */
export async function measure<W>(
  { title, operations, baseline, contenders, measure: what = 'cpuUs', targets = {}, warmups = 2 }: Case<W>,
  world: W,
  most: Most,
  place: Place,
  random: Random,
): Promise<Table> {
  const load = loadavg()[0]!;
  const begin = async (name: string, control: boolean): Promise<Remote> => {
    const remote = new Remote(place, name, control);
    await remote.begun();
    await remote.ask({ what: 'start', world });
    return remote;
  };
  const remotes = [await begin(baseline, false), await begin(baseline, true)];
  for (const name of Object.keys(contenders)) if (name !== baseline) remotes.push(await begin(name, false));
  for (let i = 0; i < warmups; i++) for (const each of remotes) await each.ask({ what: 'run', operations });
  const beganMs = performance.now();
  const late = (): boolean => performance.now() - beganMs > (most.seconds ?? Number.POSITIVE_INFINITY) * 1_000;
  let rounds = 0;
  for (; rounds < most.rounds && !(rounds >= MIN_ROUNDS && late()); rounds++) {
    // Another order each round: who comes after whom must not matter.
    for (const each of shuffled(remotes, random)) each.turns.push(await each.ask<Turn>({ what: 'run', operations }));
  }
  const base = remotes[0]!;
  const value = (turn: Turn): number => (what === 'cpuUs' ? turn.cpuUs : (turn.figures[what] ?? Number.NaN));
  const ratiosOf = (remote: Remote): number[] => remote.turns.map((turn, i) => value(turn) / value(base.turns[i]!));
  const control = medianInterval(ratiosOf(remotes[1]!), random);
  const rows: Row[] = [];
  for (const each of remotes) {
    const ratios = ratiosOf(each);
    const interval = medianInterval(ratios, random);
    const target = each.control ? undefined : targets[each.name];
    const bytes: number[] = [];
    for (let i = 0; i < TURNS_FOR_BYTES; i++) bytes.push(await each.ask<number>({ what: 'bytes', operations }));
    rows.push({
      name: each.name,
      control: each.control,
      cpuUs: median(each.turns.map(({ cpuUs }) => cpuUs)),
      wallUs: median(each.turns.map(({ wallUs }) => wallUs)),
      speed: median(each.turns.map(({ wallUs }, i) => base.turns[i]!.wallUs / wallUs)),
      bytes: median(bytes),
      figures: medians(each.turns.map(({ figures }) => figures)),
      ratio: median(ratios),
      interval,
      verdict:
        each === base
          ? 'baseline'
          : each.control
            ? 'control'
            : rounds < MIN_ROUNDS
              ? 'cannot tell'
              : judge(interval, control, target),
      target,
      own: await each.ask<OwnFrames>({ what: 'profile', operations }),
    });
  }
  await Promise.all(remotes.map((each) => each.ask({ what: 'close' })));
  return { title, rounds, operations, measure: what, load, rows };
}

function medians(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(all.map((each) => each[name]!))]));
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}
