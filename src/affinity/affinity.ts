/**
 * Contract: where sessions live. The store maps a session key to the id of an endpoint; whether that endpoint may still
 * be used is decided by the core.
 */
export interface AffinityStore {
  /** The id of the endpoint the key is bound to, undefined where there is none or it expired. Renews the TTL. O(1). */
  get(key: string): string | undefined;
  /** Binds the key, replacing what was there. O(1). */
  set(key: string, endpointId: string): void;
  delete(key: string): void;
  /** Sessions held now. */
  readonly size: number;
  clear(): void;
}

/** Why a session left its endpoint. */
export type AffinityMoveReason = 'unavailable' | 'departed' | 'tried';

export interface AffinityEvent {
  /** As the store knows it: bytes of a binary key as Latin-1. */
  readonly key: string;
  /** The id of the endpoint it had. */
  readonly from: string;
  /** The id of the endpoint it has now, or undefined where the call was failed instead. */
  readonly to: string | undefined;
  readonly reason: AffinityMoveReason;
}
