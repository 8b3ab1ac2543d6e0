import { COLLECTIONS, itemsAt } from './collections.js';
import type { OperationContext } from './context.js';
import { judge } from './judge.js';
import { intact } from './values.js';

const AT_A_TIME = 16;

/** In quiet, nothing fails: what is read here is what must be true. */
export async function readAll({ redis, history, keys }: OperationContext): Promise<void> {
  const read = async (name: string, key: string, ask: () => Promise<unknown>): Promise<void> => {
    await history.run(0, name, key, undefined, ask, judge);
  };
  const readOne = async (i: number): Promise<void> => {
    await read('final-count', `counter:${i}`, () => redis.get(`counter:${i}`));
    await read('final-count', `{pair:${i}}`, () => redis.get(`{pair:${i}}:to`));
    await read('final-read', `register:${i}`, async () =>
      intact(await redis.getBuffer(`register:${i}`), history, `register:${i}`),
    );
    for (const kind of COLLECTIONS) {
      await read('final-items', `${kind}:${i}`, () => itemsAt(redis, `${kind}:${i}`));
    }
    await read('final-count', `hcounter:${i}`, () => redis.hget(`hcounter:${i}`, 'n'));
    await read('final-count', `zcounter:${i}`, () => redis.zscore(`zcounter:${i}`, 'n'));
    for (const kind of ['queue', 'zqueue'])
      await read('final-left', `${kind}:${i}`, () => itemsAt(redis, `${kind}:${i}`));
  };
  for (let i = 0; i < keys; i += AT_A_TIME) {
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, keys - i) }, (_, at) => readOne(i + at)));
  }
  await read('final-keys', 'all', async () => {
    const found = await redis.keys(`${redis.options.keyPrefix ?? ''}*`);
    return found.sort();
  });
}
