import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { Redis } from 'ioredis';
import type { Redis as RedisServer } from '../../../harness/index.js';
import { Heard } from '../heard.js';
import type { Pairing, Script, Side, Transcript } from '../script.js';
import { RedisPlayer } from './player.js';
import { redisScript } from './script.js';

const SCRIPTS = { configured: { numberOfKeys: 1, lua: 'return KEYS[1]' } };

/** Options of a script, with the functions that they stand for. */
function withFunctions({ scripts, ...options }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { transformers: _, ...rest } = options;
  return {
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    ...rest,
    ...(scripts === true && { scripts: SCRIPTS }),
  };
}

/** A client over one server, beside ioredis: the version that is imported here. */
export function redisPairing(name: string, server: RedisServer): Pairing {
  return {
    name,
    script: redisScript,
    async play(side: Side, { options, steps }: Script): Promise<Transcript> {
      const { host, port } = server;
      const publisher = new Redis(port, host);
      await publisher.flushall();
      await publisher.script('FLUSH');
      if (options.transformers === true) addTransformers();
      const heard = new Heard(read);
      const mesh = createMesh({ resolver: staticResolver({ cache: [{ id: 's0', host, port }] }) });
      const create = (own: Record<string, unknown>): Redis =>
        side === 'plain'
          ? new Redis(port, host, own as object)
          : (new ShardedRedis(mesh, { ...own, service: 'cache' }) as never);
      const client = create(withFunctions(options));
      const subscriber = create({});
      try {
        const player = new RedisPlayer(client, subscriber, publisher, heard);
        // Begun, but for one that begins with its first command.
        if (options.lazyConnect !== true) await client.ping();
        for (const step of steps) if (!(await heard.ended(() => player.play(step)))) break;
        return heard.transcript;
      } finally {
        for (const each of [client, subscriber, publisher]) each.disconnect();
        await mesh.close({ deadlineMs: 100 });
        removeTransformers();
      }
    },
  };
}

function addTransformers(): void {
  Redis.Command.setReplyTransformer('get', (reply: unknown) => ['transformed', reply]);
  Redis.Command.setArgumentTransformer(
    'append',
    (args: unknown[]) => args.map((each) => (typeof each === 'string' ? each.toUpperCase() : each)) as never,
  );
}

function removeTransformers(): void {
  const { _transformer } = Redis.Command as unknown as {
    _transformer: { argument: Record<string, unknown>; reply: Record<string, unknown> };
  };
  delete _transformer.argument.append;
  delete _transformer.reply.get;
}

/** Errors by all that one sees of them. Those of fairlead have a name and a code of their own. */
function read(value: object): object | undefined {
  if (!(value instanceof Error)) return undefined;
  const { command, previousErrors } = value as { command?: unknown; previousErrors?: unknown };
  return {
    error: value.name === 'FairleadError' ? 'Error' : value.name,
    message: value.message,
    command,
    previousErrors,
  };
}
