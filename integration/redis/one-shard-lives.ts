import type { Call } from './one-shard-calls.js';

const EVENTS = ['wait', 'connecting', 'connect', 'ready', 'close', 'reconnecting', 'end', 'select'] as const;

// biome-ignore lint/suspicious/noExplicitAny: as in one-shard-calls.ts
type Any = any;

/** Resolves when the event comes, with what it brought. */
const once = (redis: Any, event: string): Promise<unknown> => new Promise((resolve) => redis.once(event, resolve));

async function endOf(client: Any): Promise<void> {
  const ended = once(client, 'end');
  await client.quit();
  await ended;
}

const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: Error) => error.message,
  );

/** Runs a life of a client of its own, and tells the events of it with the status at each. */
async function life(redis: Any, options: object, run: (client: Any) => Promise<unknown>): Promise<unknown> {
  const client = redis.duplicate(options);
  const seen: unknown[] = [client.status];
  for (const event of EVENTS) client.on(event, () => seen.push(event));
  client.on('error', () => {});
  const result = await run(client);
  if (client.status !== 'end') {
    const ended = once(client, 'end');
    client.disconnect();
    await ended;
  }
  return [result, client.status, seen];
}

/** Lives of clients, from the first connection to the end. */
export const LIVES: readonly (readonly [name: string, call: Call])[] = [
  ['a client that connects and quits', (r) => life(r, {}, (c) => once(c, 'ready').then(() => c.quit()))],
  ['a client that is used at once', (r) => life(r, {}, (c) => c.ping())],
  ['a lazy client', (r) => life(r, { lazyConnect: true }, (c) => c.connect().then(() => c.ping()))],
  ['a lazy client that is used', (r) => life(r, { lazyConnect: true }, (c) => c.ping())],
  ['a lazy client that is never used', (r) => life(r, { lazyConnect: true }, async (c) => c.status)],
  ['connecting twice', (r) => life(r, {}, (c) => once(c, 'ready').then(() => settled(c.connect())))],
  [
    'connecting after the end',
    (r) =>
      life(r, {}, (c) =>
        once(c, 'ready')
          .then(() => endOf(c))
          .then(() => c.connect().then(() => c.ping())),
      ),
  ],
  [
    'being told to connect again',
    (r) =>
      life(r, {}, async (c) => {
        await once(c, 'ready');
        const [again] = [once(c, 'ready'), c.disconnect(true)];
        await again;
        return c.ping();
      }),
  ],
  [
    'disconnecting with commands under way',
    (r) =>
      life(r, {}, async (c) => {
        await once(c, 'ready');
        const ended = once(c, 'end');
        const under = settled(c.blpop('nothing', 5));
        c.disconnect();
        await ended;
        return await under;
      }),
  ],
  [
    'subscribing',
    (r) =>
      life(r, {}, async (c) => {
        await once(c, 'ready');
        const heard: unknown[] = [];
        for (const event of ['message', 'pmessage', 'messageBuffer']) {
          c.on(event, (...args: unknown[]) => heard.push([event, ...args.map(String)]));
        }
        const counts = [await c.subscribe('news', 'more'), await c.subscribe('news'), await c.psubscribe('n*')];
        const got = new Promise((resolve) => c.on('pmessage', resolve));
        await r.publish('news', 'hällo');
        await got;
        const modes = [c.mode];
        counts.push(await c.unsubscribe('news'), await c.punsubscribe('n*'), await c.unsubscribe());
        return [counts, heard, modes, c.mode, await c.ping()];
      }),
  ],
  [
    'a monitor',
    (r) =>
      life(r, {}, async (c) => {
        await once(c, 'ready');
        const monitor = await c.monitor();
        const heard = new Promise((resolve) => {
          monitor.on('monitor', (time: string, args: string[], _source: string, database: string) => {
            if (args[1]?.endsWith('monitored')) resolve([typeof time, args, database]);
          });
        });
        await r.set('monitored', 'x');
        const result = await heard;
        monitor.disconnect();
        return result;
      }),
  ],
];
