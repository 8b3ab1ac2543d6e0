import { AssertionError } from 'node:assert';
import { boolean, readOptions } from '../../runtime/options.js';
import { ManualClock } from '../manual-clock.js';
import {
  type ComparedFields,
  eventually,
  quietly,
  type ResolverStage,
  refusals,
  type StagedInstance,
  Watcher,
  wordsOf,
} from './resolver-stage.js';

/** One thing that every resolver has to do. */
export interface ResolverCheck {
  /** A sentence whose subject is the resolver: 'reports arrivals and departures'. */
  readonly name: string;
  /**
   * Resolves when the resolver does it; rejects with an AssertionError that says what it reported
   * instead.
   */
  readonly run: () => Promise<void>;
}

/** What a source knows of its instances. What it does not know is not checked. */
export interface ResolverTraits {
  /**
   * Whether it reports instances that are registered and unhealthy. Default true; false for plain
   * DNS, say.
   */
  readonly health?: boolean;
  /**
   * Whether ids are those of the registry. Default true; false where they are made of the address.
   */
  readonly ids?: boolean;
  /** Whether it knows weights. Default true. */
  readonly weights?: boolean;
  /** Whether it knows zone, tags and metadata. Default true. */
  readonly labels?: boolean;
}

/** Small enough for a test, large enough that one of them is not a sharp loss. */
const INSTANCES: readonly StagedInstance[] = [1, 2, 3, 4].map((n) => ({
  id: `i${n}`,
  host: `127.0.0.${n}`,
  port: 5_001,
  weight: n,
  zone: `z${n % 2}`,
  tags: [`t${n}`],
  meta: { owner: `o${n}` },
  healthy: true,
}));

/**
 * What every resolver has to do, ours or yours, whatever it reads: as checks that any test runner
 * can run.
 *
 * ```ts
 * for (const check of resolverChecks(() => myStage())) test(check.name, check.run);
 * ```
 *
 * `make` returns a new stage with a registry that lists nothing yet; it is called for each check,
 * which closes the stage. A check takes as long as the registry does: milliseconds for a scripted
 * one, at most some seconds for a real one.
 */
export function resolverChecks(
  make: () => ResolverStage | Promise<ResolverStage>,
  traits: ResolverTraits = {},
): readonly ResolverCheck[] {
  const fields = readOptions<ComparedFields>('resolverChecks', traits, {
    health: boolean(true),
    ids: boolean(true),
    weights: boolean(true),
    labels: boolean(true),
  });
  const on = (run: (play: Play) => Promise<void>) => async (): Promise<void> => {
    const stage = await make();
    try {
      await run(new Play(stage, fields));
    } finally {
      await stage.close();
    }
  };
  return CHECKS.filter((check) => fields.health || check.health !== true).map(({ name, run }) => ({
    name,
    run: on(run),
  }));
}

/** A check at work: what it does and expects, in short words. */
class Play {
  readonly stage: ResolverStage;
  readonly #fields: ComparedFields;
  #listed: readonly StagedInstance[] = [];

  constructor(stage: ResolverStage, fields: ComparedFields) {
    this.stage = stage;
    this.#fields = fields;
  }

  async list(instances: readonly StagedInstance[]): Promise<void> {
    this.#listed = instances;
    await this.stage.list(instances);
  }

  watch(): Watcher {
    return new Watcher(this.stage);
  }

  /** Until the watcher knows what is registered, no more and no less. */
  async sees(watcher: Watcher): Promise<void> {
    const expected = wordsOf(this.#listed, this.#fields);
    const told = (): string => wordsOf(watcher.specs, this.#fields);
    const seen = await eventually(this.stage, () => watcher.lists.length > 0 && told() === expected);
    if (seen) return;
    const last = watcher.lists.length === 0 ? 'it reported no list' : `its last list is ${told()}`;
    const error = watcher.errors.at(-1);
    const because = error === undefined ? '' : `; its last error is: ${error.message}`;
    fail(`Registered is ${expected}, but ${last}${because}.`, told(), expected);
  }
}

interface Check {
  readonly name: string;
  /** Only for sources that know the health of an instance. */
  readonly health?: boolean;
  readonly run: (play: Play) => Promise<void>;
}

const [A, B, C, D] = INSTANCES as [StagedInstance, StagedInstance, StagedInstance, StagedInstance];
const sick = (instance: StagedInstance): StagedInstance => ({ ...instance, healthy: false });

const CHECKS: readonly Check[] = [
  {
    name: 'reports what is registered, in a form that a service takes',
    run: async (play) => {
      await play.list(INSTANCES);
      const watcher = play.watch();
      await play.sees(watcher);
      const refused = refusals(watcher.specs);
      if (refused.length > 0) fail(`A service refuses what it reports: ${refused.join(' ')}`, refused, []);
    },
  },
  {
    name: 'reports arrivals, departures and an instance that moved',
    run: async (play) => {
      await play.list([A, B, C]);
      const watcher = play.watch();
      await play.sees(watcher);
      for (const instances of [[A, B, C, D], [A, C, D], [{ ...A, host: '127.0.0.9' }, C, D], INSTANCES]) {
        await play.list(instances);
        await play.sees(watcher);
      }
    },
  },
  {
    name: 'reports an instance that is registered and unhealthy as unhealthy, not as absent',
    health: true,
    run: async (play) => {
      await play.list([A, B, sick(C)]);
      const watcher = play.watch();
      await play.sees(watcher);
      for (const instances of [
        [A, sick(B), sick(C)],
        [A, B, C],
        [sick(A), B, C],
        [A, B, C],
      ]) {
        await play.list(instances);
        await play.sees(watcher);
      }
    },
  },
  {
    name: 'takes deregistration alone for a departure, of a healthy instance and of an unhealthy one',
    health: true,
    run: async (play) => {
      await play.list([A, B, C, sick(D)]);
      const watcher = play.watch();
      await play.sees(watcher);
      await play.list([A, B, C]);
      await play.sees(watcher);
      await play.list([A, sick(B), C]);
      await play.sees(watcher);
      await play.list([sick(B), C]);
      await play.sees(watcher);
    },
  },
  {
    name: 'reports all of them as unhealthy when all are, and as healthy when they are again',
    health: true,
    run: async (play) => {
      await play.list([A, B, C]);
      const watcher = play.watch();
      await play.sees(watcher);
      await play.list([A, B, C].map(sick));
      await play.sees(watcher);
      await play.list([A, B, C]);
      await play.sees(watcher);
    },
  },
  {
    name: 'gives a changed list another version, and repeats a version for the same list only',
    run: async (play) => {
      await play.list([A, B, C]);
      const watcher = play.watch();
      await play.sees(watcher);
      await play.list([A, B]);
      await play.sees(watcher);
      await play.list([A, B, C]);
      await play.sees(watcher);
      const byVersion = new Map<string, string>();
      for (const { specs, version } of watcher.lists) {
        const words = JSON.stringify(specs);
        const before = byVersion.get(version);
        if (version !== '' && before !== undefined && before !== words) {
          fail(`Version '${version}' stands for two lists.`, words, before);
        }
        byVersion.set(version, words);
      }
    },
  },
  {
    name: 'reports to each that watches, whenever it began, and goes on for the others when one stops',
    run: async (play) => {
      await play.list([A, B, C]);
      const first = play.watch();
      await play.sees(first);
      const second = play.watch();
      await play.sees(second);
      first.stop();
      await play.list([A, B, C, D]);
      await play.sees(second);
    },
  },
  {
    name: 'calls nothing once the signal has aborted',
    run: async (play) => {
      await play.list([A, B, C]);
      const watcher = play.watch();
      await play.sees(watcher);
      watcher.stop();
      await play.list([A, B]);
      await quietly(play.stage);
      if (watcher.late > 0) fail(`It called a sink ${watcher.late} times after the signal aborted.`, watcher.late, 0);
    },
  },
  {
    name: 'waits by the clock of the context alone, and leaves no timer behind',
    run: async (play) => {
      const clock = play.stage.context?.clock;
      if (!(clock instanceof ManualClock)) return;
      await play.list([A, B, C]);
      const watcher = play.watch();
      await play.sees(watcher);
      await quietly(play.stage);
      watcher.stop();
      await quietly(play.stage);
      if (clock.pending > 0) fail(`It left ${clock.pending} timers behind.`, clock.pending, 0);
    },
  },
  {
    name: 'is not stopped by a sink that throws, nor are the others that watch',
    run: async (play) => {
      await play.list([A, B, C]);
      const bad = play.watch();
      await play.sees(bad);
      bad.throws = new Error('thrown by the sink of a check');
      const good = play.watch();
      await play.sees(good);
      await play.list([A, B, C, D]);
      await play.sees(good);
      await play.list([A, C, D]);
      await play.sees(good);
      await play.sees(bad);
    },
  },
  {
    name: 'says of a service that nobody registered that there is none, by an empty list or an error',
    run: async (play) => {
      const watcher = play.watch();
      const answered = await eventually(play.stage, () => watcher.lists.length + watcher.errors.length > 0);
      if (!answered) fail('It reported neither a list nor an error.', 0, 'above 0');
      if (watcher.specs.length > 0) fail('It reported endpoints that nobody registered.', watcher.specs, []);
      await play.list([A, B]);
      await play.sees(watcher);
    },
  },
  {
    name: 'does not empty its list because a registry says once that there is nothing',
    run: async (play) => {
      const { stage } = play;
      if (stage.lie === undefined) return;
      await play.list([A, B, C]);
      const watcher = play.watch();
      await play.sees(watcher);
      await stage.lie();
      await quietly(stage);
      const empty = watcher.lists.filter(({ specs }) => specs.length === 0).length;
      if (empty > 0) fail('It reported an empty list, which nothing had confirmed.', empty, 0);
      await play.sees(watcher);
    },
  },
  {
    name: 'keeps the list through an outage, says that it failed, and is right after it',
    run: async (play) => {
      const { stage } = play;
      if (stage.fail === undefined || stage.restore === undefined) return;
      await play.list([A, B, C]);
      const watcher = play.watch();
      await play.sees(watcher);
      await stage.fail();
      if (!(await eventually(stage, () => watcher.errors.length > 0))) fail('It reported no error.', 0, 'above 0');
      await play.sees(watcher);
      await play.list([A, B, C, D]);
      await stage.restore();
      await play.sees(watcher);
    },
  },
];

function fail(message: string, actual: unknown, expected: unknown): never {
  throw new AssertionError({ message, actual, expected, operator: 'resolverChecks' });
}
