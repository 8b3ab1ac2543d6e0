import { type Command, partOf } from '../driver/driver.js';
import type { Target } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';

/**
 * The cursor of a SCAN over all shards: a decimal number as Redis' own, so a caller may compare it
 * with '0' or store it as text. It holds the shard's ordinal and the cursor there; the ordinal is
 * this client's own and never reused for another shard, so a scan goes on when shards come or go
 * meanwhile. Only this client can go on with it.
 */
export interface ScanPosition {
  readonly ordinal: number;
  readonly cursor: string;
}

/** Shards that one client can see in its life. */
const ORDINALS = 65_536n;

export function encodeCursor({ ordinal, cursor }: ScanPosition): string {
  return String(BigInt(cursor) * ORDINALS + BigInt(ordinal));
}

/** Undefined for what is not a cursor. */
export function decodeCursor(text: string): ScanPosition | undefined {
  if (!/^\d{1,40}$/.test(text)) return undefined;
  const value = BigInt(text);
  return { ordinal: Number(value % ORDINALS), cursor: String(value / ORDINALS) };
}

/**
 * One step of SCAN: a page of one shard, then the next shard from its beginning; '0' after the
 * last.
 */
export function sendScan(command: Command, set: ShardSet): void {
  const shards = set.everyone;
  const [given, ...rest] = command.args as (string | Buffer)[];
  const position = decodeCursor(String(given ?? ''));
  if (position === undefined) {
    // The server reports best what is wrong with it.
    shards[0]!.send(command);
    return;
  }
  const ordered = [...shards].sort((a, b) => a.shard.ordinal - b.shard.ordinal);
  const target = ordered.find((each) => each.shard.ordinal >= position.ordinal);
  if (target === undefined) {
    command.resolve([Buffer.from('0'), []]);
    return;
  }
  // The shard of the cursor may have gone meanwhile: its successor starts from the beginning.
  const cursor = target.shard.ordinal === position.ordinal ? position.cursor : '0';
  const part = partOf(command, [cursor, ...rest]);
  target.send(part);
  part.promise
    .then((reply: readonly [Buffer | string, readonly unknown[]]) => {
      const next = nextPosition(ordered, target, String(reply[0]));
      command.resolve([Buffer.from(next === undefined ? '0' : encodeCursor(next)), reply[1]]);
    })
    .catch((error: Error) => command.reject(error));
}

function nextPosition(ordered: readonly Target[], target: Target, cursor: string): ScanPosition | undefined {
  if (cursor !== '0') return { ordinal: target.shard.ordinal, cursor };
  const following = ordered[ordered.indexOf(target) + 1];
  return following === undefined ? undefined : { ordinal: following.shard.ordinal, cursor: '0' };
}
