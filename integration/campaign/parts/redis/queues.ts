import { command, fresh, numbered, type Operate, only } from './context.js';

export const put: Operate = (context, worker, random) => {
  const { redis } = context;
  const kind = QUEUES[random.below(QUEUES.length)]!;
  const key = numbered(kind, context, random);
  const item = fresh(context);
  const add = (): Promise<unknown> => (kind === 'queue' ? redis.rpush(key, item) : redis.zadd(key, 1, item));
  return command(context, worker, 'put', key, item, async () => void (await add()));
};

const QUEUES = ['queue', 'queue', 'zqueue'] as const;

export const take: Operate = (context, worker, random) => {
  const { redis } = context;
  const kind = QUEUES[random.below(QUEUES.length)]!;
  const key = numbered(kind, context, random);
  const one = (ask: () => Promise<unknown>): Promise<unknown> => command(context, worker, 'take', key, undefined, ask);
  const seconds = 0.1 + random.below(10) / 10;
  if (kind === 'zqueue') {
    return random.below(2) === 0
      ? one(async () => (await redis.zpopmin(key))[0] ?? null)
      : one(async () => (await redis.bzpopmin(key, seconds))?.[1] ?? null);
  }
  switch (random.below(6)) {
    case 0:
      return one(async () => (await redis.blpop(key, seconds))?.[1] ?? null);
    case 1:
      return one(async () => (await redis.brpop(key, seconds))?.[1] ?? null);
    case 2:
      return one(() => redis.rpop(key));
    case 3:
      return one(async () => (await redis.blmpop(seconds, 1, key, 'LEFT'))?.[1][0] ?? null);
    case 4:
      return one(async () => only(await redis.multi().llen(key).lpop(key).exec()));
    default:
      return one(() => redis.lpop(key));
  }
};

const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

export const lock: Operate = async (context, worker, random) => {
  const { redis } = context;
  const key = numbered('lock', context, random);
  const holder = fresh(context);
  const acquire = async (): Promise<boolean> => (await redis.set(key, holder, 'NX')) === 'OK';
  if ((await command(context, worker, 'acquire', key, holder, acquire)) !== true) return;
  await new Promise((resolve) => setTimeout(resolve, random.below(50)));
  // Until it is known to be given back, or somebody else's: as a careful program does.
  for (let tries = 0; tries < 50; tries++) {
    const release = (): Promise<unknown> => redis.eval(RELEASE, 1, key, holder);
    if ((await command(context, worker, 'release', key, holder, release)) !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
