import { PartialResultError } from 'fairlead/redis';
import type { Random } from 'fairlead/testing';
import { describe, type Invoked } from '../../history.js';
import { addItem, COLLECTIONS, itemsAt } from './collections.js';
import { command, fresh, numbered, type Operate, type OperationContext, only, type Weighted } from './context.js';
import { judge } from './judge.js';
import { lock, put, take } from './queues.js';
import { intact, padded } from './values.js';

const increment: Operate = (context, worker, random) => {
  const { redis, history } = context;
  const key = numbered('counter', context, random);
  const one = (ask: () => Promise<unknown>): Promise<unknown> => command(context, worker, 'incr', key, 1, ask);
  switch (random.below(9)) {
    case 0:
      return one(() => history.called<number>((done) => void redis.incr(key, done)));
    case 6:
      return one(() => (redis as unknown as Scripted).campaignIncrement(key));
    case 7:
      return one(async () => only(await redis.multi().get(key).strlen(key).incr(key).exec()));
    case 1:
      return one(() => redis.eval("return redis.call('INCR', KEYS[1])", 1, key));
    case 2:
      return one(async () => only(await redis.multi().incr(key).exec()));
    case 3:
      return one(async () => only(await redis.pipeline().incr(key).exec()));
    case 4:
      return one(async () => Number(await redis.incrbyfloat(key, 1)));
    case 5:
      return one(() => redis.call('INCRBY', key, '1') as Promise<unknown>);
    default:
      return one(() => redis.incr(key));
  }
};

/** Counters within a hash and a sorted set. */
const incrementField: Operate = (context, worker, random) => {
  const { redis } = context;
  const hash = random.below(2) === 0;
  const key = numbered(hash ? 'hcounter' : 'zcounter', context, random);
  return command(context, worker, 'incr', key, 1, async () => {
    return hash ? await redis.hincrby(key, 'n', 1) : Number(await redis.zincrby(key, 1, 'n'));
  });
};

/** A script of the program's, sent by its digest. */
export const SCRIPTS = { campaignIncrement: { numberOfKeys: 1, lua: "return redis.call('INCR', KEYS[1])" } };
interface Scripted {
  campaignIncrement(key: string): Promise<unknown>;
}

/** Commands of several shards in one pipeline: each slot is judged by itself. */
const pipelined: Operate = async (context, worker, random) => {
  const { redis, history } = context;
  const keys = Array.from({ length: 2 + random.below(10) }, () => numbered('counter', context, random));
  const operations = keys.map((key) => history.invoke(worker, 'incr', key, 1));
  const pipeline = redis.pipeline();
  for (const key of keys) pipeline.incr(key);
  const results = await pipeline.exec().catch((error: Error) => keys.map(() => [error, undefined] as const));
  for (const [i, operation] of operations.entries()) {
    const [error, value] = results![i]!;
    if (!error) operation.ok(value);
    else settle(context, operation, error, keys[i]!);
  }
};

function settle({ redis, history }: OperationContext, operation: Invoked, error: Error, key: string): void {
  const outcome = judge(error);
  if (outcome === undefined) history.complain('failed with something undeclared', { key, error: describe(error) });
  operation[outcome ?? 'unknown'](error, { shard: redis.shardFor(key) });
}

/** A split command says of each key how it ended. */
function settleMany(
  context: OperationContext,
  operations: readonly Invoked[],
  error: Error,
  keys: readonly string[],
): void {
  for (const [i, operation] of operations.entries()) {
    const result = error instanceof PartialResultError ? error.results[i]! : { error };
    if (result.error) settle(context, operation, result.error, keys[i]!);
    else {
      const { value } = result as { value: unknown };
      operation.ok(Buffer.isBuffer(value) || value === null ? intact(value, context.history, keys[i]!) : undefined);
    }
  }
}

const write: Operate = (context, worker, random) => {
  const { redis, history } = context;
  const key = numbered('register', context, random);
  const id = fresh(context);
  const value = padded(id, random);
  const one = (ask: () => Promise<unknown>): Promise<unknown> =>
    command(context, worker, 'write', key, id, async () => void (await ask()));
  switch (random.below(8)) {
    case 5:
      return one(() => redis.set(key, value, 'EX', 3_600, 'GET'));
    case 6:
      return one(async () => only(await redis.pipeline().get(key).set(key, value).exec()));
    case 0:
      return one(() => history.called((done) => void redis.set(key, value, done)));
    case 1:
      return one(() => redis.set(key, value, 'PX', 3_600_000));
    case 2:
      return one(() => redis.setex(key, 3_600, value));
    case 3:
      return one(() => redis.getset(key, value));
    case 4:
      return one(async () => only(await redis.multi().del(key).set(key, value).exec()));
    default:
      return one(() => redis.set(key, value));
  }
};

const remove: Operate = (context, worker, random) => {
  const key = numbered('register', context, random);
  const { redis } = context;
  const asks = [() => redis.del(key), () => redis.unlink(key), () => redis.getdel(key)];
  const ask = asks[random.below(asks.length)]!;
  return command(context, worker, 'write', key, null, async () => void (await ask()));
};

const read: Operate = (context, worker, random) => {
  const { redis, history } = context;
  const key = numbered('register', context, random);
  const one = (ask: () => Promise<Buffer | null>): Promise<unknown> =>
    command(context, worker, 'read', key, undefined, async () => intact(await ask(), history, key));
  switch (random.below(6)) {
    case 3:
      return one(() => redis.getexBuffer(key));
    case 4:
      return one(() => redis.getrangeBuffer(key, 0, -1).then((value) => (value.length === 0 ? null : value)));
    case 0:
      return one(() => history.called<Buffer | null>((done) => void redis.getBuffer(key, done)));
    case 1:
      return one(async () => (await redis.mgetBuffer(key))[0]!);
    case 2:
      return one(async () => only(await redis.multi().getBuffer(key).exec()) as Buffer | null);
    default:
      return one(() => redis.getBuffer(key));
  }
};

/** MGET over shards; what failed on some is an error for all of it here. */
const readMany: Operate = async (context, worker, random) => {
  const { redis, history } = context;
  const keys = Array.from({ length: 2 + random.below(6) }, () => numbered('register', context, random));
  const operations = keys.map((key) => history.invoke(worker, 'read', key));
  const error = await redis.mgetBuffer(keys).then(
    (values) => {
      for (const [i, operation] of operations.entries()) operation.ok(intact(values[i]!, history, keys[i]!));
    },
    (failed: Error) => failed,
  );
  if (error) settleMany(context, operations, error, keys);
};

/** MSET over shards: OK for all, or what of it was written is unknown. */
const writeMany: Operate = async (context, worker, random) => {
  const { redis, history } = context;
  const keys = [...new Set(Array.from({ length: 2 + random.below(4) }, () => numbered('register', context, random)))];
  const ids = keys.map(() => fresh(context));
  const operations = keys.map((key, i) => history.invoke(worker, 'write', key, ids[i]));
  const values = Object.fromEntries(keys.map((key, i) => [key, padded(ids[i]!, random)]));
  const error = await redis.mset(values).then(
    () => {
      for (const operation of operations) operation.ok();
    },
    (failed: Error) => failed,
  );
  if (error) settleMany(context, operations, error, keys);
};

const collect: Operate = (context, worker, random) => {
  const { redis } = context;
  const kind = COLLECTIONS[random.below(COLLECTIONS.length)]!;
  const key = numbered(kind, context, random);
  const item = kind === 'bits' ? freshBit(context) : fresh(context);
  return command(context, worker, 'add', key, item, async () => void (await addItem(redis, kind, key, item, random)));
};

const gather: Operate = (context, worker, random) => {
  const kind = COLLECTIONS[random.below(COLLECTIONS.length)]!;
  const key = numbered(kind, context, random);
  return command(context, worker, 'items', key, undefined, () => itemsAt(context.redis, key, random.below(2) === 0));
};

/** Numbers of several clients, and of those that took their place, that never meet. */
function freshBit(context: OperationContext): string {
  const [client = '0', life = '0'] = context.name.slice(1).split('.');
  return String(context.unique++ * 32 + (Number(client) % 4) * 8 + (Number(life) % 8));
}

/** Two accounts whose sum is 0, and whoever sees both sees it so. */
const transfer: Operate = (context, worker, random) => {
  const key = numbered('{pair', context, random);
  const { redis, history } = context;
  const [from, to] = [`${key}}:from`, `${key}}:to`];
  const one = async (): Promise<unknown> => {
    const results = await redis.multi().decr(from).incr(to).mget(from, to).exec();
    const [a, b] = results![2]![1] as [string, string];
    // The client that hears late writes where keys are no longer, and reads the same.
    if (Number(a) + Number(b) !== 0 && !context.hearsLate)
      history.complain('a transaction was seen by half', { key, a, b });
    return Number(b);
  };
  return command(context, worker, 'incr', `${key}}`, 1, one);
};

/** Refused before anything is sent, whatever the servers do. */
const refused: Operate = async (context) => {
  const { redis, history } = context;
  const calls: (() => Promise<unknown>)[] = [
    () => redis.watch('register:0'),
    // With a prefix of its own it is another key.
    ...((redis.options.keyPrefix ?? '') === '' ? [() => redis.get('fl:ring:campaign')] : []),
    () => redis.eval('return 1', 0),
  ];
  for (const call of calls) {
    await call().then(
      (answer) => history.complain('what is refused was done', answer),
      (error) => judge(error) === 'fail' || history.complain('what is refused failed otherwise', String(error)),
    );
  }
};

export const storeOperations: readonly Weighted[] = [
  [18, increment],
  [4, incrementField],
  [6, pipelined],
  [12, write],
  [3, remove],
  [14, read],
  [3, readMany],
  [3, writeMany],
  [14, collect],
  [4, gather],
  [6, put],
  [6, take],
  [6, lock],
  [5, transfer],
  [1, refused],
];

export const cacheOperations: readonly Weighted[] = [
  [20, increment],
  [5, pipelined],
  [20, write],
  [5, remove],
  [25, read],
  [5, readMany],
  [5, writeMany],
];

export function choose(operations: readonly Weighted[], random: Random): Operate {
  let left = random.below(operations.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, operate] of operations) {
    left -= weight;
    if (left < 0) return operate;
  }
  return increment;
}
