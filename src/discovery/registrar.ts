/**
 * Contract: a registrar keeps an instance that this process runs in the registry, for as long as it
 * runs.
 */
export interface Registrar<
  Instance extends InstanceInput = InstanceInput,
  Update extends InstanceUpdate = InstanceUpdate,
> extends AsyncDisposable {
  /** The name in error messages. */
  readonly name: string;
  /**
   * Registers the instance and keeps it registered until the registration ends. Rejects with
   * FAIRLEAD_INVALID_OPTION, FAIRLEAD_CONFLICT for an id that this registrar has already,
   * FAIRLEAD_CLOSED, or FAIRLEAD_REGISTRATION when the registry refuses, or cannot be reached and
   * the registrar was not set to wait for it. What was rejected is not left behind in the
   * registry.
   */
  register(instance: Instance): Promise<Registration<Update>>;
  /**
   * Deregisters all that is left, also what is being registered right now. Idempotent. Rejects with
   * FAIRLEAD_REGISTRATION where the registry has not agreed within `deadlineMs` (default 10,000; 0
   * to 600,000).
   */
  close(options?: DeadlineOptions): Promise<void>;
}

export interface DeadlineOptions {
  /** Milliseconds. Default 10,000; 0 to 600,000. */
  readonly deadlineMs?: number;
}

/** What every registry knows of an instance. */
export interface InstanceInput {
  readonly service: string;
  /** Unique within the service. Default `service-host-port`. */
  readonly id?: string;
  /** Default: what the registry knows as the address of this machine. */
  readonly host?: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** Share of traffic: a whole number from 1 to 65,535. Default 1. */
  readonly weight?: number;
  /** Registered as metadata `zone`. */
  readonly zone?: string;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
}

/**
 * - `registered`: the registry had it when it was last asked.
 * - `lost`: the registry cannot be reached, or had forgotten it; it is being registered again.
 * - `replaced`: under its id the registry has an instance at another address, which another process
 *   registered. It is left alone; once it is gone, this one is registered again.
 * - `deregistered`: it is over.
 */
export type RegistrationStatus = 'registered' | 'lost' | 'replaced' | 'deregistered';

/** How the instance says it does, where the registry hears it from the instance itself. */
export type ReportedHealth = 'passing' | 'warning' | 'critical';

export interface RegistrationEvents {
  readonly status: readonly [status: RegistrationStatus];
  /**
   * A heartbeat, a registration or a deregistration failed and is tried again; or
   * FAIRLEAD_CONFLICT.
   */
  readonly error: readonly [error: Error];
}

/** What may change of an instance while it is registered. What is left out stays as it is. */
export type InstanceUpdate = Partial<Pick<InstanceInput, 'weight' | 'zone' | 'tags' | 'meta'>>;

export interface Registration<Update extends InstanceUpdate = InstanceUpdate> extends AsyncDisposable {
  readonly id: string;
  readonly status: RegistrationStatus;
  /**
   * What heartbeats say from now on, the first of them at once, and what a new registration begins
   * with. Default `passing`. Resolves when it was tried; a failure is an `error` event, and
   * repeated.
   */
  report(health: ReportedHealth, note?: string): Promise<void>;
  /**
   * Registers the instance with these changes. Resolves once the registry has them, however long
   * that takes. Rejects with FAIRLEAD_INVALID_OPTION, or FAIRLEAD_REGISTRATION where the registry
   * refuses them (then all is as before) or the registration ends.
   */
  update(changes: Update): Promise<void>;
  /** Returns a function that stops listening. */
  on<Name extends keyof RegistrationEvents & string>(
    name: Name,
    listener: (...args: RegistrationEvents[Name]) => void,
  ): () => void;
  /**
   * Takes the instance out of the registry. Idempotent. Resolves once the registry agrees; rejects
   * with FAIRLEAD_REGISTRATION where it has not within `deadlineMs`, and goes on trying.
   */
  deregister(options?: DeadlineOptions): Promise<void>;
}
