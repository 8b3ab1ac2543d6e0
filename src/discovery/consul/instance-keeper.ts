import { Backoff } from '../../runtime/backoff.js';
import type { Timer } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import type { ReportedHealth } from '../registrar.js';
import { AgentCalls, type Change, RefusedRegistration, type RegistrationContext } from './agent-calls.js';
import { type InstanceSettings, registrationOf } from './instance.js';

/** Who wants the instance listed. */
export interface KeeperOwner {
  /** What heartbeats say; undefined while nothing was reported. */
  readonly health: ReportedHealth | undefined;
  readonly note: string;
  become(status: 'registered' | 'lost' | 'replaced'): void;
  /** Something failed and is tried again. */
  failed(error: FairleadError): void;
}

export interface Wanted {
  readonly instance: InstanceSettings;
  readonly owner: KeeperOwner;
}

/** What a caller waits for: that the agent agrees with what is wanted. */
export interface Goal {
  /** The agent has what is wanted now, which may be something later. */
  reached(): void;
  /** A try failed; `refused` where the same request would be refused again. */
  missed?(error: FairleadError, refused: boolean): void;
}

const BACKOFF_BASE_MS = 100;

/**
 * A change whose connection broke may still be carried out for a moment: nothing is believed to be
 * gone before; milliseconds.
 */
const UNCLEAR_MS = 1_000;

/**
 * Keeps one id at the agent as it is wanted: listed as this instance, or not at all. It is a
 * reconciliation: what is wanted stays wanted until the agent agrees, and is looked at again for as
 * long as it is wanted. Requests for one id never overlap, so they take effect in order; one whose
 * answer is late is not forgotten, and when it turns out to have been carried out after all, the
 * agent is asked again.
 */
export class InstanceKeeper {
  readonly #calls: AgentCalls;
  readonly #context: RegistrationContext;
  readonly #backoff: Backoff;
  readonly #ended: () => void;
  /** Who waits, and for what. */
  readonly #goals = new Map<Goal, Wanted | undefined>();
  #wanted: Wanted | undefined;
  /** What the agent has, as far as we know; undefined where we do not. */
  #agreed: InstanceSettings | 'nothing' | undefined = 'nothing';
  /** Whether the agent ever had it, so that its health may have to be sent again. */
  #wasListed = false;
  #replaced = false;
  /** Changes that may still be carried out. */
  #late = 0;
  #unclearUntilMs = Number.NEGATIVE_INFINITY;
  #verifyAtMs = 0;
  #timer: Timer | undefined;
  #turn: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(service: string, id: string, context: RegistrationContext, ended: () => void) {
    this.#context = context;
    this.#calls = new AgentCalls(service, id, context);
    this.#backoff = new Backoff(context.random, { baseMs: BACKOFF_BASE_MS, maxMs: context.maxBackoffMs });
    this.#ended = ended;
  }

  get wanted(): Wanted | undefined {
    return this.#wanted;
  }

  /** From now on this is wanted, or nothing. The goal is called when the agent agrees. */
  want(wanted: Wanted | undefined, goal?: Goal): void {
    this.#wanted = wanted;
    if (goal !== undefined) this.#goals.set(goal, wanted);
    void this.hurry();
  }

  /** No caller waits for it any longer. */
  leave(goal: Goal): void {
    this.#goals.delete(goal);
  }

  /** Nothing more is sent. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#goals.clear();
  }

  /** A turn now, or right after the one that is going on. Resolves when it is over. */
  async hurry(): Promise<void> {
    if (this.#stopped) return;
    this.#timer?.cancel();
    if (this.#turn === undefined) {
      this.#turn = this.#run();
    } else {
      this.#again = true;
    }
    await this.#turn;
  }

  async #run(): Promise<void> {
    let waitMs: number;
    do {
      this.#again = false;
      waitMs = await this.#try();
    } while ((this.#again || waitMs === 0) && !this.#stopped);
    this.#turn = undefined;
    if (this.#stopped) return;
    if (waitMs === Number.POSITIVE_INFINITY) {
      this.#stopped = true;
      this.#ended();
      return;
    }
    // What a caller waits for keeps the process alive; heartbeats do not.
    const kind = this.#goals.size > 0 ? 'awaited' : 'after';
    this.#timer = this.#context.clock[kind](waitMs, () => void this.hurry());
  }

  /** One step towards what is wanted. The milliseconds until the next; Infinity: there is none. */
  async #try(): Promise<number> {
    const wanted = this.#wanted;
    try {
      const waitMs = wanted === undefined ? await this.#unlist() : await this.#list(wanted);
      if (waitMs > 0) this.#backoff.reset();
      return waitMs;
    } catch (thrown) {
      const error = thrown instanceof FairleadError ? thrown : this.#calls.failed(toError(thrown).message, thrown);
      return this.#failed(error, wanted);
    }
  }

  #failed(error: FairleadError, wanted: Wanted | undefined): number {
    if (this.#wasListed) wanted?.owner.become('lost');
    wanted?.owner.failed(error);
    for (const [goal, aim] of [...this.#goals]) {
      if (aim === wanted) goal.missed?.(error, error instanceof RefusedRegistration);
    }
    if (this.#wanted !== wanted) return 0;
    // Well within the time to live of its checks, or a second try comes too late.
    const { verifyIntervalMs } = this.#context;
    if (wanted === undefined) return this.#goals.size > 0 ? this.#backoff.next() : verifyIntervalMs;
    return Math.max(1, Math.min(this.#backoff.next(), beatMs(wanted.instance) / 2));
  }

  async #list(wanted: Wanted): Promise<number> {
    const { instance, owner } = wanted;
    if (this.#agreed !== instance && !this.#replaced) {
      await this.#register(wanted);
      if (this.#wanted !== wanted) return 0;
      this.#verifyAtMs = this.#nowMs() + this.#context.verifyIntervalMs;
    } else if (!(await this.#isAsWanted(wanted))) {
      return 0;
    }
    if (this.#replaced) {
      owner.become('replaced');
      return this.#context.verifyIntervalMs;
    }
    owner.become('registered');
    this.#reached();
    return Math.min(this.#context.verifyIntervalMs, beatMs(instance));
  }

  async #register({ instance, owner }: Wanted): Promise<void> {
    const { health, note } = owner;
    const again = this.#wasListed;
    await this.#unsure(() => this.#calls.register(registrationOf(instance, health), this.#change));
    this.#agreed = instance;
    this.#wasListed = true;
    // An agent that knows the check already keeps the state it has for it, and registrations have
    // no notes.
    if ((again || note !== '') && !(await this.#beat(instance, owner))) this.#agreed = undefined;
  }

  /**
   * Sends the heartbeats, and from time to time looks at what the agent has. False where it is not
   * what is wanted, which is known by then.
   */
  async #isAsWanted({ instance, owner }: Wanted): Promise<boolean> {
    if (!this.#replaced && !(await this.#beat(instance, owner))) return this.#forgotten(owner);
    if (this.#nowMs() < this.#verifyAtMs) return true;
    const registered = await this.#calls.read(this.#limitMs(instance));
    this.#verifyAtMs = this.#nowMs() + this.#context.verifyIntervalMs;
    if (registered === undefined) {
      this.#replaced = false;
      return this.#forgotten(owner);
    }
    const { Address, Port } = registered;
    const elsewhere = isOther(Address, instance.body.Address) || isOther(Port, instance.body.Port);
    if (elsewhere && !this.#replaced) owner.failed(this.#conflict(instance, `${Address}:${Port}`));
    this.#replaced = elsewhere;
    return true;
  }

  #forgotten(owner: KeeperOwner): false {
    this.#agreed = undefined;
    owner.become('lost');
    return false;
  }

  async #beat(instance: InstanceSettings, owner: KeeperOwner): Promise<boolean> {
    const { health = 'passing', note } = owner;
    const limitMs = this.#limitMs(instance);
    const beats = instance.heartbeats.map(({ checkId }) => this.#calls.beat(checkId, health, note, limitMs));
    return (await Promise.all(beats)).every((known) => known);
  }

  async #unlist(): Promise<number> {
    // What another process put in its place is not ours to remove.
    if (this.#replaced) this.#agreed = 'nothing';
    if (this.#agreed !== 'nothing') {
      await this.#unsure(() => this.#calls.deregister(this.#change));
      this.#agreed = 'nothing';
    }
    if (this.#wanted !== undefined) return 0;
    // Until it is sure that nothing is carried out after this.
    if (this.#late > 0) return this.#context.verifyIntervalMs;
    const unclearMs = this.#unclearUntilMs - this.#nowMs();
    if (unclearMs > 0) {
      this.#agreed = undefined;
      return unclearMs;
    }
    this.#reached();
    return Number.POSITIVE_INFINITY;
  }

  /** A change is under way: what the agent has is known again when it was answered. */
  async #unsure(change: () => Promise<void>): Promise<void> {
    const before = this.#agreed;
    this.#agreed = undefined;
    try {
      await change();
    } catch (thrown) {
      if (thrown instanceof RefusedRegistration) this.#agreed = before;
      else if (!isConnectionRefused(thrown)) this.#unclearUntilMs = this.#nowMs() + UNCLEAR_MS;
      else if (before === 'nothing') this.#agreed = before;
      throw thrown;
    }
  }

  readonly #change: Change = {
    late: () => this.#late++,
    settled: () => {
      this.#late--;
      this.#agreed = undefined;
      this.#unclearUntilMs = Number.NEGATIVE_INFINITY;
      void this.hurry();
    },
  };

  #reached(): void {
    const reached = [...this.#goals.keys()];
    this.#goals.clear();
    for (const goal of reached) goal.reached();
  }

  #conflict({ id }: InstanceSettings, address: string): FairleadError {
    return this.#calls.conflict(
      `Consul at ${this.#context.transport.address} has '${id}' at ${address}: another process registered it there. ` +
        `Give each instance its own id; this one is not listed while that one is.`,
    );
  }

  /** A hung heartbeat must leave time for another within the time to live. */
  #limitMs(instance: InstanceSettings): number {
    return Math.min(this.#context.requestTimeoutMs, beatMs(instance));
  }

  #nowMs(): number {
    return this.#context.clock.now();
  }
}

/** How often the checks have to be kept alive; Infinity where there is none to be. */
function beatMs({ heartbeats }: InstanceSettings): number {
  return Math.min(Number.POSITIVE_INFINITY, ...heartbeats.map((beat) => beat.intervalMs));
}

/** An agent that does not say is not one that says something else. */
function isOther(said: unknown, wanted: unknown): boolean {
  return said !== undefined && said !== null && said !== wanted;
}

function isConnectionRefused(thrown: unknown): boolean {
  return /ECONNREFUSED/.test(toError(thrown).message);
}
