/**
 * Contract: where sessions live. The store maps a session key, as its `sessionHash`, to the id of
 * an endpoint; whether that endpoint may still be used is decided by the core. What it throws is
 * reported as an `error` of the service and counts as no session.
 */
export interface AffinityStore {
  /**
   * The id of the endpoint the key is bound to, undefined where there is none or it expired. Renews
   * the TTL. O(1).
   */
  get(key: string): string | undefined;
  /**
   * Binds the key, replacing what was there. May return false to say that it has no room: the
   * session is then placed by its key alone. O(1).
   */
  set(key: string, endpointId: string): unknown;
  delete(key: string): void;
  /** Sessions held now. */
  readonly size: number;
  /** Called when the service closes. One that is to outlive the service keeps its sessions. */
  clear(): void;
}

/**
 * Contract: a store that several processes share (Redis, say), so that a session keeps its endpoint
 * whichever of them it comes through. Asynchronous; the core keeps a table in front of it, so that
 * `acquire` stays synchronous. Rejections are reported and survived.
 */
export interface SharedAffinityStore {
  /**
   * The id of the endpoint the key is bound to, undefined where there is none. Renews the TTL to
   * `ttlMs`.
   */
  load(key: string, ttlMs: number): Promise<string | undefined>;
  /**
   * In one atomic step: binds the key to `endpointId` if it has no binding, or still the one to
   * `replaces`. Resolves to the id that the key is bound to now: another one when another process
   * was first.
   */
  bind(key: string, endpointId: string, ttlMs: number, replaces: string | undefined): Promise<string>;
  /** Removes the binding, whatever it is. Without it, `service.unbind` is refused. */
  unbind?(key: string): Promise<void>;
  /** The service closes. Sessions stay. */
  close?(): void;
}

/** Why a session left its endpoint. */
export type AffinityMoveReason = 'unavailable' | 'departed' | 'tried';

export interface AffinityEvent {
  /**
   * The `sessionHash` of the key, which is a credential; '' for a call that preferred an endpoint
   * by its id.
   */
  readonly key: string;
  /** The id of the endpoint it had. */
  readonly from: string;
  /** The id of the endpoint it has now, or undefined where the call was failed instead. */
  readonly to: string | undefined;
  readonly reason: AffinityMoveReason;
}

/** The table of sessions is full of sessions in use: new ones are placed by their keys alone. */
export interface SessionsFullEvent {
  readonly capacity: number;
  /** New sessions that found no room since the event before. */
  readonly strangers: number;
}
