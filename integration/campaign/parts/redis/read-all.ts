import { COLLECTIONS, itemsAt } from './collections.js';
import type { OperationContext } from './operations.js';
import { intact } from './values.js';

/** In quiet, nothing fails: what is read here is what must be true. */
export async function readAll({ redis, history, keys }: OperationContext): Promise<void> {
  const read = async (name: string, key: string, ask: () => Promise<unknown>): Promise<void> => {
    await history.run(0, name, key, undefined, ask, () => undefined);
  };
  for (let i = 0; i < keys; i++) {
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
  }
  await read('final-keys', 'all', async () => {
    const found = await redis.keys(`${redis.options.keyPrefix ?? ''}*`);
    return found.sort();
  });
}
