import type { ShardState } from './shards/state.js';

/** Of the event `shard`: a shard's state is another one. */
export interface ShardChange {
  /** The name that decides which keys it owns. */
  readonly name: string;
  /** `host:port` of its server. */
  readonly address: string;
  readonly state: ShardState;
}

/** `on` and `once` as ioredis has them, and the event `shard`. */
export interface ShardedEvents<Self> {
  (event: 'shard', listener: (change: ShardChange) => void): Self;
  (event: 'message', listener: (channel: string, message: string) => void): Self;
  (event: 'messageBuffer', listener: (channel: Buffer, message: Buffer) => void): Self;
  (event: 'pmessage', listener: (pattern: string, channel: string, message: string) => void): Self;
  (event: 'pmessageBuffer', listener: (pattern: string, channel: Buffer, message: Buffer) => void): Self;
  (event: 'smessage', listener: (channel: string, message: string) => void): Self;
  (event: 'smessageBuffer', listener: (channel: Buffer, message: Buffer) => void): Self;
  (event: 'select', listener: (db: number) => void): Self;
  (event: 'error', listener: (error: Error) => void): Self;
  (event: Status, listener: () => void): Self;
  // biome-ignore lint/suspicious/noExplicitAny: as ioredis and Node have it
  (event: string | symbol, listener: (...args: any[]) => void): Self;
}

type Status = 'wait' | 'connecting' | 'connect' | 'ready' | 'reconnecting' | 'close' | 'end';
