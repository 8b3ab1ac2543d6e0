import { FairleadError } from '../runtime/errors.js';
import type { Keeper } from './keeper.js';
import { type KeptInstance, KeptRegistration, type KeptSettings, readDeadline } from './kept-registration.js';
import type { DeadlineOptions, InstanceInput, InstanceUpdate, Registrar, Registration } from './registrar.js';

/** What a registrar does by its registry. */
export interface RegistrarKind<Input, Update, Instance> extends KeptSettings {
  /** The registrar's name. */
  readonly name: string;
  /** Throws FAIRLEAD_INVALID_OPTION. */
  read(instance: Input): Instance;
  /** The instance with changes. Throws FAIRLEAD_INVALID_OPTION, also for what cannot change. */
  update(instance: Instance, changes: Update): Instance;
  /** `ended`: nothing is wanted under this id any longer, and the registry agrees. */
  keeperOf(instance: Instance, ended: () => void): Keeper<Instance>;
  /** No request follows. */
  close(): void;
}

/** A registrar whose instances each have a keeper. */
export class KeptRegistrar<Input extends InstanceInput, Update extends InstanceUpdate, Instance extends KeptInstance>
  implements Registrar<Input, Update>
{
  readonly #kind: RegistrarKind<Input, Update, Instance>;
  /** What is kept of each id: also of one that is being taken out, or whose registration failed. */
  readonly #keepers = new Map<string, Keeper<Instance>>();
  readonly #registrations = new Map<string, KeptRegistration<Instance, Update>>();
  #closing: Promise<void> | undefined;

  constructor(kind: RegistrarKind<Input, Update, Instance>) {
    this.#kind = kind;
  }

  get name(): string {
    return this.#kind.name;
  }

  async register(instance: Input): Promise<Registration<Update>> {
    const read = this.#kind.read(instance);
    const { key, id, service } = read;
    if (this.#closing !== undefined) {
      throw new FairleadError('FAIRLEAD_CLOSED', `The registrar is closed: '${id}' cannot be registered.`, {
        service,
        endpoint: id,
      });
    }
    const before = this.#registrations.get(key);
    if (before !== undefined && before.status !== 'deregistered') {
      throw new FairleadError('FAIRLEAD_CONFLICT', `'${id}' is registered already: give each instance its own id.`, {
        service,
        endpoint: id,
      });
    }
    const registration = new KeptRegistration<Instance, Update>(read, this.#keeperOf(read), this.#kind);
    this.#registrations.set(key, registration);
    await registration.begin();
    return registration;
  }

  close(options?: DeadlineOptions): Promise<void> {
    const deadlineMs = readDeadline('close', options);
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #keeperOf(instance: Instance): Keeper<Instance> {
    const { key } = instance;
    const known = this.#keepers.get(key);
    if (known !== undefined) return known;
    const keeper = this.#kind.keeperOf(instance, () => {
      this.#keepers.delete(key);
      this.#registrations.delete(key);
    });
    this.#keepers.set(key, keeper);
    return keeper;
  }

  async #close(deadlineMs: number): Promise<void> {
    // Each keeper has the registration that was made last under its id, and one that is over may
    // still be on its way out.
    const ends = [...this.#registrations.values()].map((registration) => registration.end(deadlineMs));
    const failed = (await Promise.allSettled(ends)).find((end) => end.status === 'rejected');
    for (const keeper of this.#keepers.values()) keeper.stop();
    this.#kind.close();
    if (failed !== undefined) throw failed.reason;
  }
}
