import { FairleadError } from '../../runtime/errors.js';

/** What every answer says of the cluster that gave it. */
export interface EtcdHeader {
  /** Of a cluster that was restored from a backup it is another, mostly. */
  readonly clusterId: bigint;
  /** Of the store when it was answered: how many changes there ever were. */
  readonly revision: bigint;
}

/** A key and what etcd knows of it. */
export interface EtcdEntry {
  readonly key: string;
  readonly value: string;
  readonly modRevision: bigint;
  /** The lease it ends with; 0 for none. */
  readonly lease: bigint;
}

/** One key, or all that begin with `key`. */
export interface EtcdRange {
  readonly key: string;
  readonly prefix: boolean;
}

export interface EtcdPageRequest extends EtcdRange {
  /** Keys above this one; '' for all. */
  readonly after: string;
  readonly limit: number;
  /** The revision to read at; 0 for the newest. */
  readonly revision: bigint;
}

export interface EtcdPage {
  readonly header: EtcdHeader;
  readonly entries: readonly EtcdEntry[];
  readonly more: boolean;
}

export interface EtcdEvent {
  readonly deleted: boolean;
  readonly entry: EtcdEntry;
}

export interface EtcdWatchMessage {
  readonly header: EtcdHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  /** Where it is not 0, what was to be watched from is compacted. */
  readonly compactRevision: bigint;
  readonly reason: string;
  /** More of the same revision follows. */
  readonly fragment: boolean;
  readonly events: readonly EtcdEvent[];
}

export interface EtcdWatchHearer {
  message(message: EtcdWatchMessage): void;
  /** Called once, unless it was closed: there is no more. */
  ended(error: Error): void;
}

export interface EtcdStream {
  /** Asks for a message without events, which shows that the stream is alive. */
  askProgress(): void;
  close(): void;
}

/**
 * Contract: what we ask of etcd. Each call rejects with a FairleadError within the time that a
 * request may take: an UnansweredEtcd where nothing came back, a RefusedByEtcd where etcd said no.
 */
export interface EtcdCalls {
  /** For messages: which member is asked at the moment. */
  readonly address: string;
  page(request: EtcdPageRequest): Promise<EtcdPage>;
  put(key: string, value: string, lease: bigint): Promise<void>;
  /** A new lease, and the seconds that it was granted for. */
  grant(ttlSeconds: number): Promise<{ readonly lease: bigint; readonly ttlSeconds: number }>;
  /** The seconds it has from now on; 0 where it is over. */
  keepAlive(lease: bigint): Promise<number>;
  /** Ends a lease, and with it all its keys. Resolves also where there is no such lease. */
  revoke(lease: bigint): Promise<void>;
  watch(range: EtcdRange, revision: bigint, hearer: EtcdWatchHearer): EtcdStream;
  close(): void;
}

/** No answer, or none of the member's own: refused, reset, timed out, without a leader. */
export class UnansweredEtcd extends FairleadError {}

/** An answer that says no. */
export class RefusedByEtcd extends FairleadError {
  /** The number of the gRPC status. */
  readonly status: number;

  constructor(status: number, message: string, cause?: unknown) {
    super('FAIRLEAD_DISCOVERY', message, { cause });
    this.status = status;
  }
}

/** The gRPC statuses we judge by. */
export const Status = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** For `ServerPause`: a member that does not answer is what all wait for together. */
export function awayMs(thrown: unknown): number | undefined {
  return thrown instanceof UnansweredEtcd ? 0 : undefined;
}
