import fc from 'fast-check';
import { Command, Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { frequentCommands } from '../../../../adapters/redis/commands/rules.js';
import { defineCommands } from '../../../../adapters/redis/driver/flat-arguments.js';

/** A client that keeps what it would send. */
class Recorder extends Redis {
  readonly sent: Command[] = [];
  override sendCommand(command: Command): unknown {
    this.sent.push(command);
    command.promise.catch(() => {});
    return command.promise;
  }
}

class Own extends Recorder {
  static {
    defineCommands(Own.prototype, [...frequentCommands(), 'none']);
  }
}

type Options = { keyPrefix?: string; showFriendlyErrorStack?: boolean };
const made = (options: Options = {}): { own: Own; plain: Recorder } => ({
  own: new Own({ lazyConnect: true, ...options }),
  plain: new Recorder({ lazyConnect: true, ...options }),
});

const bytes = (command: Command): string => Buffer.from(command.toWritable(undefined as never) as string).toString();

afterEach(() => {
  vi.restoreAllMocks();
  Command.setArgumentTransformer('set', undefined as never);
});

describe('a frequent command', () => {
  const one = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.uint8Array({ maxLength: 4 }).map((of) => Buffer.from(of)),
    fc.constantFrom(null, undefined, true),
  );
  const given = fc.array(fc.oneof(one, fc.array(one, { maxLength: 5 }), fc.array(fc.array(one), { maxLength: 2 })), {
    maxLength: 5,
  });

  it('is made as ioredis makes it, whatever is given', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('set', 'setBuffer', 'get', 'mset', 'mget', 'mgetBuffer', 'hset', 'zadd', 'del'),
        given,
        fc.constantFrom<Options>({}, { keyPrefix: 'p:' }),
        (method, args, options) => {
          const { own, plain } = made(options);
          for (const client of [own, plain])
            (client as never as Record<string, (...all: unknown[]) => void>)[method]!(...args);
          const [ours, theirs] = [own.sent[0]!, plain.sent[0]!];
          expect(ours.name).toBe(theirs.name);
          expect(ours.args).toEqual(theirs.args);
          expect(bytes(ours)).toBe(bytes(theirs));
          expect(Reflect.get(ours, 'replyEncoding')).toBe(Reflect.get(theirs, 'replyEncoding'));
        },
      ),
    );
  });

  it('takes maps, objects, and arrays with something missing as ioredis does', () => {
    const missing = ['a', 'x', 'b'];
    delete missing[1];
    for (const args of [[new Map([['a', '1']])], [{ a: '1', b: 2 }], [missing], ['k', [['a', '1']]]]) {
      const { own, plain } = made();
      for (const client of [own, plain]) (client.mset as (...all: unknown[]) => void)(...args);
      expect(own.sent[0]!.args).toEqual(plain.sent[0]!.args);
    }
  });

  it('is not flattened where it is flat', () => {
    const { own } = made();
    const flat = vi.spyOn(Array.prototype, 'flat');
    void own.set('a', '1');
    void own.mget(['a', 'b']);
    void own.pipeline().set('a', '1').mset(['a', '1', 'b', '2']);
    expect(flat).not.toHaveBeenCalled();
    void own.mget(['a'], ['b'] as never);
    expect(flat).toHaveBeenCalledOnce();
    expect(own.sent.at(-1)!.args).toEqual(['a', 'b']);
  });

  it('keeps its arguments when the array that they were given in changes', () => {
    const { own } = made();
    const keys = ['a', 'b'];
    void own.mget(keys);
    keys[0] = 'z';
    expect(own.sent[0]!.args).toEqual(['a', 'b']);
  });

  it('calls back, also of a pipeline', async () => {
    const { own } = made();
    const reply = new Promise((resolve) => own.get('a', (_, value) => resolve(value)));
    own.sent[0]!.resolve(Buffer.from('1'));
    expect(await reply).toBe('1');
    const bytesReply = own.getBuffer('a');
    own.sent[1]!.resolve(Buffer.from('1'));
    expect(await bytesReply).toEqual(Buffer.from('1'));
  });

  it('goes through the argument transformer of its name', () => {
    Command.setArgumentTransformer('set', (args) => [args[0]!, `<${String(args[1])}>`]);
    const { own } = made();
    void own.set('a', '1');
    expect(own.sent[0]!.args).toEqual(['a', '<1>']);
  });

  it('fails where its caller stands, with showFriendlyErrorStack', async () => {
    const { own } = made({ showFriendlyErrorStack: true });
    const failing = own.get('a');
    own.sent[0]!.reject(new Error('no'));
    const { stack } = (await failing.catch((error: Error) => error)) as Error;
    expect(stack!.split('\n')[1]).toContain('flat-arguments.test.ts');
  });

  it('is no command where ioredis knows none', () => {
    expect('none' in Own.prototype).toBe(false);
  });
});

describe('a pipeline', () => {
  it('holds the commands that it is given one by one, and those of a batch', () => {
    const { own, plain } = made();
    const [ours, theirs] = [own, plain].map((client) =>
      client
        .pipeline([['set', 'a', '1']])
        .get('a')
        .hset('h', { a: '1' })
        .ping()
        .mset(['b', 2]),
    );
    const queued = (pipeline: unknown): unknown[] =>
      (Reflect.get(pipeline as object, '_queue') as Command[]).map(({ name, args }) => [name, args]);
    expect(queued(ours)).toEqual(queued(theirs));
    expect(ours!.length).toBe(5);
  });
});
