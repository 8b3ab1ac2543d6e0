import { judgeAfter } from '../runtime/clock.js';
import { type EventNames, SafeEmitter } from '../runtime/emitter.js';
import { FairleadError } from '../runtime/errors.js';
import { number, readOptions } from '../runtime/options.js';
import type { DiscoveryContext } from './context.js';
import type { Goal, Keeper, KeeperOwner } from './keeper.js';
import type {
  DeadlineOptions,
  InstanceUpdate,
  Registration,
  RegistrationEvents,
  RegistrationStatus,
  ReportedHealth,
} from './registrar.js';

/** An instance as read. */
export interface KeptInstance {
  readonly service: string;
  readonly id: string;
  /** What is unique at the registry: the id, or more than that. */
  readonly key: string;
}

export interface KeptSettings extends DiscoveryContext {
  /** For messages: `Consul at 127.0.0.1:8500`. */
  readonly where: string;
  /** Whether a first registration waits for a registry that cannot be reached. */
  readonly onUnreachable: 'fail' | 'wait';
  readonly onError: ((error: Error, id: string) => void) | undefined;
}

/** How changes are applied to an instance. Throws FAIRLEAD_INVALID_OPTION. */
interface Updating<Instance, Update> {
  update(instance: Instance, changes: Update): Instance;
}

const DEFAULT_DEADLINE_MS = 10_000;
const MAX_DEADLINE_MS = 600_000;

/** Reads `{ deadlineMs }`. Throws FAIRLEAD_INVALID_OPTION. */
export function readDeadline(context: string, options: DeadlineOptions | undefined): number {
  const { deadlineMs } = readOptions<{ deadlineMs: number }>(context, options, {
    deadlineMs: number(DEFAULT_DEADLINE_MS, 0, MAX_DEADLINE_MS),
  });
  return deadlineMs;
}

const EVENTS: EventNames<RegistrationEvents> = { status: true, error: true };

/**
 * What its user holds of an instance: what it wants of the keeper of its id, until it wants no
 * more.
 */
export class KeptRegistration<Instance extends KeptInstance, Update extends InstanceUpdate>
  implements Registration<Update>, KeeperOwner
{
  readonly id: string;
  readonly #keeper: Keeper<Instance>;
  readonly #settings: KeptSettings & Updating<Instance, Update>;
  readonly #events = new SafeEmitter<RegistrationEvents>(EVENTS);
  #instance: Instance;
  #status: RegistrationStatus = 'lost';
  #health: ReportedHealth | undefined;
  #note = '';
  #lastError: FairleadError | undefined;
  /** What is not settled yet of what was asked for: rejected when it ends before. */
  readonly #open = new Set<(error: FairleadError) => void>();
  #ending: Promise<void> | undefined;

  constructor(instance: Instance, keeper: Keeper<Instance>, settings: KeptSettings & Updating<Instance, Update>) {
    this.id = instance.id;
    this.#instance = instance;
    this.#keeper = keeper;
    this.#settings = settings;
  }

  get status(): RegistrationStatus {
    return this.#status;
  }

  get health(): ReportedHealth | undefined {
    return this.#health;
  }

  get note(): string {
    return this.#note;
  }

  /** Resolves once the registry has it. */
  begin(): Promise<void> {
    return this.#ask(this.#instance, (_error, refused) => refused || this.#settings.onUnreachable === 'fail').catch(
      (thrown: unknown) => {
        // It may have been carried out although we got no answer, or the wrong one.
        if (this.#ending === undefined) this.#ending = this.#withdraw(0).catch(() => {});
        throw thrown;
      },
    );
  }

  on<Name extends keyof RegistrationEvents & string>(
    name: Name,
    listener: (...args: RegistrationEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  async report(health: ReportedHealth, note = ''): Promise<void> {
    if (this.#ending !== undefined) return;
    this.#health = health;
    this.#note = note;
    await this.#keeper.hurry();
  }

  async update(changes: Update): Promise<void> {
    const before = this.#instance;
    const instance = this.#settings.update(before, changes);
    if (this.#ending !== undefined) throw this.#over();
    this.#instance = instance;
    await this.#ask(instance, (_error, refused) => {
      if (!refused || this.#instance !== instance) return false;
      this.#instance = before;
      this.#keeper.want({ instance: before, owner: this });
      return true;
    });
  }

  deregister(options?: DeadlineOptions): Promise<void> {
    const deadlineMs = readDeadline('deregister', options);
    this.#ending ??= this.#withdraw(deadlineMs);
    return this.#ending;
  }

  /**
   * For the registrar: deregisters, also where that was asked for before and has not come to an
   * end.
   */
  end(deadlineMs: number): Promise<void> {
    if (this.#ending === undefined) return this.deregister({ deadlineMs });
    return this.#withdraw(deadlineMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.deregister();
  }

  become(status: 'registered' | 'lost' | 'replaced'): void {
    if (this.#ending === undefined) this.#become(status);
  }

  failed(error: FairleadError): void {
    this.#lastError = error;
    this.#events.emit('error', error);
    try {
      this.#settings.onError?.(error, this.id);
    } catch {
      // The user's function stops nothing.
    }
  }

  /**
   * Wants this instance, until the registry has it, `givesUp` says so of a failure, or it is over.
   */
  #ask(instance: Instance, givesUp: (error: FairleadError, refused: boolean) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#open.delete(stop);
        this.#keeper.leave(goal);
        settle();
      };
      const stop = (error: FairleadError): void => end(() => reject(error));
      const goal: Goal = {
        reached: () => end(resolve),
        missed: (error, refused) => {
          if (givesUp(error, refused)) stop(error);
        },
      };
      this.#open.add(stop);
      this.#keeper.want({ instance, owner: this }, goal);
    });
  }

  /** Wants nothing any longer, where nothing later is wanted under its id. */
  #withdraw(deadlineMs: number): Promise<void> {
    for (const stop of [...this.#open]) stop(this.#over());
    this.#become('deregistered');
    return new Promise((resolve, reject) => {
      const goal: Goal = {
        reached: () => {
          timer.cancel();
          resolve();
        },
        missed: (error) => this.failed(error),
      };
      const timer = judgeAfter(this.#settings.clock, deadlineMs, () => {
        this.#keeper.leave(goal);
        reject(this.#notAgreed(deadlineMs));
      });
      this.#keeper.want(undefined, goal);
    });
  }

  #notAgreed(deadlineMs: number): FairleadError {
    const why = this.#lastError === undefined ? 'it has not answered' : this.#lastError.message;
    const message = `${this.#settings.where} has not taken '${this.id}' out within ${deadlineMs} ms: ${why}`;
    return new FairleadError('FAIRLEAD_REGISTRATION', message, {
      service: this.#instance.service,
      endpoint: this.id,
      cause: this.#lastError,
    });
  }

  #over(): FairleadError {
    return new FairleadError('FAIRLEAD_CLOSED', `The registration of '${this.id}' is over.`, {
      service: this.#instance.service,
      endpoint: this.id,
    });
  }

  #become(status: RegistrationStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#events.emit('status', status);
  }
}
