import { AssertionError } from 'node:assert';
import type {
  InstanceInput,
  InstanceUpdate,
  Registrar,
  Registration,
  RegistrationStatus,
} from '../../discovery/registrar.js';
import { sleep, systemClock } from '../../runtime/clock.js';
import { FairleadError } from '../../runtime/errors.js';
import { boolean, readOptions } from '../../runtime/options.js';

/** One thing that every registrar has to do. */
export interface RegistrarCheck {
  /** A sentence whose subject is the registrar: 'registers what it is given'. */
  readonly name: string;
  /** Resolves when the registrar does it; rejects with an AssertionError that says what it did. */
  readonly run: () => Promise<void>;
}

/** An instance as the registry has it. */
export interface ListedInstance {
  readonly id: string;
  readonly port: number;
  readonly weight?: number;
  readonly zone?: string;
  readonly tags?: readonly string[];
  /** False while the instance says of itself that it is critical. */
  readonly healthy?: boolean;
}

/** A registry in the hands of the checks, real or scripted, and a registrar that writes to it. */
export interface RegistrarStage {
  /** Each call makes another, as of another process. All of them are closed by the checks. */
  registrar(): Registrar<InstanceInput & { readonly host: string }, InstanceUpdate>;
  /** What the registry has of the service `users`; it must be there. */
  listed(): Promise<readonly ListedInstance[]> | readonly ListedInstance[];
  /** The registry forgets all that was registered. */
  forget(): Promise<void> | void;
  /** It cannot be reached from now on. */
  fail(): Promise<void> | void;
  /** It can be reached again; what it had it may have lost. */
  restore(): Promise<void> | void;
  /**
   * Lets a little time pass, and what is on its way arrive. Default: 5 ms of the machine's clock.
   */
  turn?(): Promise<void>;
  close(): Promise<void> | void;
}

export interface RegistrarTraits {
  /** Whether weight, zone and tags are kept. Default true. */
  readonly labels?: boolean;
  /** Whether the health that an instance reports is kept. Default true. */
  readonly health?: boolean;
}

const PATIENCE_TURNS = 3_000;
const QUIET_TURNS = 40;
const TURN_MS = 5;

const INSTANCE = { service: 'users', id: 'i1', host: '127.0.0.1', port: 5_001, weight: 3, zone: 'z1', tags: ['t1'] };

/**
 * What every registrar has to do, ours or yours, as checks that any test runner can run.
 *
 * ```ts
 * for (const check of registrarChecks(() => myStage())) test(check.name, check.run);
 * ```
 *
 * `make` returns a new stage with a registry that lists nothing; it is called for each check, which
 * closes the stage.
 */
export function registrarChecks(
  make: () => RegistrarStage | Promise<RegistrarStage>,
  traits: RegistrarTraits = {},
): readonly RegistrarCheck[] {
  const known = readOptions<Required<RegistrarTraits>>('registrarChecks', traits, {
    labels: boolean(true),
    health: boolean(true),
  });
  return CHECKS.map(({ name, run }) => ({
    name,
    run: async () => {
      const stage = await make();
      const play = new Play(stage, known);
      try {
        await run(play);
      } finally {
        await play.end();
      }
    },
  }));
}

type AnyRegistrar = ReturnType<RegistrarStage['registrar']>;

class Play {
  readonly stage: RegistrarStage;
  readonly traits: Required<RegistrarTraits>;
  readonly #registrars: AnyRegistrar[] = [];

  constructor(stage: RegistrarStage, traits: Required<RegistrarTraits>) {
    this.stage = stage;
    this.traits = traits;
  }

  registrar(): AnyRegistrar {
    const registrar = this.stage.registrar();
    this.#registrars.push(registrar);
    return registrar;
  }

  /** What is awaited, while time passes. */
  async whileTimePasses<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const settled = work.finally(() => {
      over = true;
    });
    settled.catch(() => {});
    for (let turn = 0; turn < PATIENCE_TURNS && !over; turn++) await this.#pass();
    if (!over) fail('A promise of it never settled.', 'pending', 'settled');
    return await settled;
  }

  register(registrar: AnyRegistrar, changes: Partial<typeof INSTANCE> = {}): Promise<Registration> {
    return this.whileTimePasses(registrar.register({ ...INSTANCE, ...changes }));
  }

  /** Until the registry has exactly these. */
  async lists(...expected: readonly ListedInstance[]): Promise<void> {
    const wanted = expected.map((each) => this.#words(each)).join(', ');
    let has = '';
    for (let turn = 0; turn < PATIENCE_TURNS; turn++) {
      has = (await this.#has()).join(', ');
      if (has === wanted) return;
      await this.#pass();
    }
    fail(`The registry has ${has || 'nothing'}, and should have ${wanted || 'nothing'}.`, has, wanted);
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    for (let turn = 0; turn < PATIENCE_TURNS && !condition(); turn++) await this.#pass();
    if (!condition()) fail(`It did not come true: ${what}.`, false, true);
  }

  is({ status }: Registration, expected: RegistrationStatus): void {
    if (status !== expected) fail(`Its status is ${status}, and should be ${expected}.`, status, expected);
  }

  async quietly(): Promise<void> {
    for (let turn = 0; turn < QUIET_TURNS; turn++) await this.#pass();
  }

  async rejects(work: Promise<unknown>, code: string): Promise<void> {
    const outcome = await this.whileTimePasses(
      work.then(
        () => 'resolved',
        (thrown: unknown) => thrown,
      ),
    );
    if (outcome instanceof FairleadError && outcome.code === code) return;
    fail(`It should have rejected with ${code}: ${String(outcome)}.`, outcome, code);
  }

  async end(): Promise<void> {
    const closing = this.#registrars.map((each) => this.whileTimePasses(each.close({ deadlineMs: 2_000 })));
    await Promise.allSettled(closing);
    await this.stage.close();
  }

  async #has(): Promise<readonly string[]> {
    return [...(await this.stage.listed())].map((each) => this.#words(each)).sort();
  }

  #words({ id, port, weight, zone, tags = [], healthy = true }: ListedInstance): string {
    const label = this.traits.labels ? ` weight ${weight} in ${zone} tagged ${tags.join('+')}` : '';
    return `${id}:${port}${label}${this.traits.health && !healthy ? ' critical' : ''}`;
  }

  #pass(): Promise<void> {
    return this.stage.turn === undefined ? sleep(systemClock, TURN_MS) : this.stage.turn();
  }
}

interface Check {
  readonly name: string;
  readonly run: (play: Play) => Promise<void>;
}

const CHECKS: readonly Check[] = [
  {
    name: 'registers what it is given, and takes it out again, however often it is asked to',
    run: async (play) => {
      const registration = await play.register(play.registrar());
      play.is(registration, 'registered');
      await play.lists(INSTANCE);
      await play.whileTimePasses(registration.deregister());
      await play.whileTimePasses(registration.deregister());
      await play.lists();
      play.is(registration, 'deregistered');
    },
  },
  {
    name: 'changes weight, zone and tags of what is registered',
    run: async (play) => {
      const registration = await play.register(play.registrar());
      await play.whileTimePasses(registration.update({ weight: 7, zone: 'z2', tags: ['t2'] }));
      await play.lists({ ...INSTANCE, weight: 7, zone: 'z2', tags: ['t2'] });
    },
  },
  {
    name: 'says what the instance says of its health, without taking it out',
    run: async (play) => {
      const registration = await play.register(play.registrar());
      await play.whileTimePasses(registration.report('critical'));
      await play.lists({ ...INSTANCE, healthy: false });
      await play.whileTimePasses(registration.report('passing'));
      await play.lists(INSTANCE);
    },
  },
  {
    name: 'keeps several instances apart, and takes all of them out when it is closed',
    run: async (play) => {
      const registrar = play.registrar();
      await play.register(registrar);
      const second = { ...INSTANCE, id: 'i2', port: 5_002 };
      await play.register(registrar, second);
      await play.lists(INSTANCE, second);
      await play.whileTimePasses(registrar.close());
      await play.whileTimePasses(registrar.close());
      await play.lists();
      await play.rejects(registrar.register(INSTANCE), 'FAIRLEAD_CLOSED');
    },
  },
  {
    name: 'refuses an id that it has already, and what is not an instance, and registers nothing of it',
    run: async (play) => {
      const registrar = play.registrar();
      await play.register(registrar);
      await play.rejects(registrar.register({ ...INSTANCE, port: 5_002 }), 'FAIRLEAD_CONFLICT');
      for (const bad of [{ port: 0 }, { weight: -1 }, { service: '' }, { misspelt: 1 }]) {
        await play.rejects(registrar.register({ ...INSTANCE, id: 'i2', ...bad }), 'FAIRLEAD_INVALID_OPTION');
      }
      await play.lists(INSTANCE);
    },
  },
  {
    name: 'registers anew what the registry forgot, with what was changed and reported since',
    run: async (play) => {
      const registration = await play.register(play.registrar());
      await play.whileTimePasses(registration.update({ weight: 7 }));
      await play.whileTimePasses(registration.report('critical'));
      for (let times = 0; times < 3; times++) {
        await play.stage.forget();
        await play.lists({ ...INSTANCE, weight: 7, healthy: false });
      }
      await play.until('its status is registered', () => registration.status === 'registered');
    },
  },
  {
    name: 'says that it is lost while the registry is away, and registers anew after that',
    run: async (play) => {
      const registration = await play.register(play.registrar());
      const errors: Error[] = [];
      registration.on('error', (error) => errors.push(error));
      await play.stage.fail();
      await play.until('its status is lost', () => registration.status === 'lost');
      if (errors.length === 0) fail('It reported no error.', 0, 'above 0');
      await play.stage.restore();
      await play.until('its status is registered', () => registration.status === 'registered');
      await play.lists(INSTANCE);
    },
  },
  {
    name: 'rejects where the registry is away, and leaves nothing behind when that is back',
    run: async (play) => {
      const registrar = play.registrar();
      await play.stage.fail();
      await play.rejects(registrar.register(INSTANCE), 'FAIRLEAD_REGISTRATION');
      await play.stage.restore();
      await play.quietly();
      await play.lists();
    },
  },
];

function fail(message: string, actual: unknown, expected: unknown): never {
  throw new AssertionError({ message, actual, expected, operator: 'registrarChecks' });
}
