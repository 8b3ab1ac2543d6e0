import { FairleadError, toError } from '../../runtime/errors.js';
import { Keeper, type KeeperOwner, type Wanted } from '../keeper.js';
import { AgentCalls, type Change, RefusedRegistration, type RegistrationContext } from './agent-calls.js';
import { type InstanceSettings, registrationOf } from './instance.js';

/**
 * A change whose connection broke may still be carried out for a moment: nothing is believed to be
 * gone before; milliseconds.
 */
const UNCLEAR_MS = 1_000;

/**
 * Keeps one id at the agent as it is wanted. A request whose answer is late is not forgotten, and
 * when it turns out to have been carried out after all, the agent is asked again.
 */
export class InstanceKeeper extends Keeper<InstanceSettings> {
  readonly #calls: AgentCalls;
  readonly #context: RegistrationContext;
  /** What the agent has, as far as we know; undefined where we do not. */
  #agreed: InstanceSettings | 'nothing' | undefined = 'nothing';
  #replaced = false;
  /** Changes that may still be carried out. */
  #late = 0;
  #unclearUntilMs = Number.NEGATIVE_INFINITY;
  #verifyAtMs = 0;

  constructor(service: string, id: string, context: RegistrationContext, ended: () => void) {
    super(context, ended);
    this.#context = context;
    this.#calls = new AgentCalls(service, id, context);
  }

  protected toFailure(thrown: unknown): FairleadError {
    return thrown instanceof FairleadError ? thrown : this.#calls.failed(toError(thrown).message, thrown);
  }

  protected isRefusal(error: FairleadError): boolean {
    return error instanceof RefusedRegistration;
  }

  protected beatMs({ heartbeats }: InstanceSettings): number {
    return Math.min(Number.POSITIVE_INFINITY, ...heartbeats.map((beat) => beat.intervalMs));
  }

  protected async list(wanted: Wanted<InstanceSettings>): Promise<number> {
    const { instance, owner } = wanted;
    if (this.#agreed !== instance && !this.#replaced) {
      await this.#register(wanted);
      if (this.wanted !== wanted) return 0;
      this.#verifyAtMs = this.nowMs() + this.#context.verifyIntervalMs;
    } else if (!(await this.#isAsWanted(wanted))) {
      return 0;
    }
    if (this.#replaced) {
      owner.become('replaced');
      return this.#context.verifyIntervalMs;
    }
    owner.become('registered');
    this.reached();
    return Math.min(this.#context.verifyIntervalMs, this.beatMs(instance));
  }

  async #register({ instance, owner }: Wanted<InstanceSettings>): Promise<void> {
    const { health, note } = owner;
    const again = this.wasListed;
    await this.#unsure(() => this.#calls.register(registrationOf(instance, health), this.#change));
    this.#agreed = instance;
    this.listed();
    // An agent that knows the check already keeps the state it has for it, and registrations have
    // no notes.
    if ((again || note !== '') && !(await this.#beat(instance, owner))) this.#agreed = undefined;
  }

  /**
   * Sends the heartbeats, and from time to time looks at what the agent has. False where it is not
   * what is wanted, which is known by then.
   */
  async #isAsWanted({ instance, owner }: Wanted<InstanceSettings>): Promise<boolean> {
    if (!this.#replaced && !(await this.#beat(instance, owner))) return this.#forgotten(owner);
    if (this.nowMs() < this.#verifyAtMs) return true;
    const registered = await this.#calls.read(this.#limitMs(instance));
    this.#verifyAtMs = this.nowMs() + this.#context.verifyIntervalMs;
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

  protected async unlist(): Promise<number> {
    // What another process put in its place is not ours to remove.
    if (this.#replaced) this.#agreed = 'nothing';
    if (this.#agreed !== 'nothing') {
      await this.#unsure(() => this.#calls.deregister(this.#change));
      this.#agreed = 'nothing';
    }
    if (this.wanted !== undefined) return 0;
    // Until it is sure that nothing is carried out after this.
    if (this.#late > 0) return this.#context.verifyIntervalMs;
    const unclearMs = this.#unclearUntilMs - this.nowMs();
    if (unclearMs > 0) {
      this.#agreed = undefined;
      return unclearMs;
    }
    this.reached();
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
      else if (!isConnectionRefused(thrown)) this.#unclearUntilMs = this.nowMs() + UNCLEAR_MS;
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

  #conflict({ id }: InstanceSettings, address: string): FairleadError {
    return this.#calls.conflict(
      `Consul at ${this.#context.transport.address} has '${id}' at ${address}: another process registered it there. ` +
        `Give each instance its own id; this one is not listed while that one is.`,
    );
  }

  /** A hung heartbeat must leave time for another within the time to live. */
  #limitMs(instance: InstanceSettings): number {
    return Math.min(this.#context.requestTimeoutMs, this.beatMs(instance));
  }
}

/** An agent that does not say is not one that says something else. */
function isOther(said: unknown, wanted: unknown): boolean {
  return said !== undefined && said !== null && said !== wanted;
}

function isConnectionRefused(thrown: unknown): boolean {
  return /ECONNREFUSED/.test(toError(thrown).message);
}
