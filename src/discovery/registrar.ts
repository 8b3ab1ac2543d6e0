/**
 * Contract: a registrar tells the registry of an instance that this process runs, for as long as it
 * runs.
 */
export interface Registrar<Instance extends InstanceInput = InstanceInput> extends AsyncDisposable {
  /** The name in error messages. */
  readonly name: string;
  /**
   * Registers the instance and keeps it registered until the registration ends. Rejects with
   * FAIRLEAD_INVALID_OPTION, or FAIRLEAD_REGISTRATION when the registry cannot be reached or
   * refuses.
   */
  register(instance: Instance): Promise<Registration>;
  /** Deregisters all that is left. Idempotent. */
  close(): Promise<void>;
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
  /** Told as metadata `zone`. */
  readonly zone?: string;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
}

/**
 * - `registered`: the registry had it when it was last asked.
 * - `lost`: the registry cannot be reached, or had forgotten it; it is being registered again.
 * - `deregistered`: it is over.
 */
export type RegistrationStatus = 'registered' | 'lost' | 'deregistered';

/** How the instance says it does, where the registry hears it from the instance itself. */
export type ReportedHealth = 'passing' | 'warning' | 'critical';

export interface RegistrationEvents {
  readonly status: readonly [status: RegistrationStatus];
  /** A heartbeat or a new registration failed; it is tried again. */
  readonly error: readonly [error: Error];
}

export interface Registration extends AsyncDisposable {
  readonly id: string;
  readonly status: RegistrationStatus;
  /** What heartbeats say from now on, the first of them at once. Default `passing`. */
  report(health: ReportedHealth, note?: string): Promise<void>;
  /** Gives a function that stops listening. */
  on<Name extends keyof RegistrationEvents & string>(
    name: Name,
    listener: (...args: RegistrationEvents[Name]) => void,
  ): () => void;
  /**
   * Takes the instance out of the registry. Idempotent; rejects with FAIRLEAD_REGISTRATION when
   * that failed.
   */
  deregister(): Promise<void>;
}
