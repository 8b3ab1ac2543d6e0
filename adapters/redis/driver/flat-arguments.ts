import { Command, Pipeline, type Redis } from 'ioredis';

/**
 * Arguments of which none is an array. ioredis copies those of every command by
 * `Array.prototype.flat`, which takes longer than all else that it does to make a small command,
 * and a fifth of a microsecond for each key of a large one.
 */
class FlatArguments {
  readonly args: unknown[];

  constructor(args: unknown[]) {
    this.args = args;
  }

  flat(): unknown[] {
    return this.args;
  }
}

/** For the constructor of a command, whose own they are from now on. */
export function flatArguments(args: unknown[]): never {
  return new FlatArguments(args) as never;
}

/** The same of what a caller gave: one array, or arguments in a row. Others ioredis flattens. */
function flattened(given: unknown[]): never {
  const [first] = given;
  const many = given.length === 1 && Array.isArray(first) ? first : given;
  // Of what is missing in an array there is nothing left after `flat`.
  for (const each of many) if (each === undefined || Array.isArray(each)) return given as never;
  return flatArguments(many === given ? given : many.slice());
}

/**
 * Gives a client, and its pipelines, methods of its own for these commands, which are as those of
 * ioredis; and for their variants that answer in bytes.
 */
export function defineCommands(client: Redis, names: Iterable<string>): void {
  class FlatPipeline extends Pipeline {}
  const methods: Record<string, unknown> = {};
  for (const name of names) {
    if (!(name in client)) continue;
    methods[name] = methodOf(name, 'utf8');
    methods[`${name}Buffer`] = methodOf(name, null);
  }
  function pipeline(this: Redis, commands?: unknown[][]): Pipeline {
    const made = new FlatPipeline(this);
    if (Array.isArray(commands)) made.addBatch(commands as never);
    return made;
  }
  Object.assign(FlatPipeline.prototype, methods);
  Object.assign(client, methods, { pipeline });
}

function methodOf(name: string, replyEncoding: BufferEncoding | null): unknown {
  return function send(this: Redis | Pipeline, ...given: unknown[]): unknown {
    const callback = typeof given[given.length - 1] === 'function' ? given.pop() : undefined;
    const { keyPrefix, showFriendlyErrorStack } = this.options;
    const options = { keyPrefix, replyEncoding, errorStack: showFriendlyErrorStack ? stackAbove(send) : undefined };
    return this.sendCommand(new Command(name, flattened(given), options as never, callback as never));
  };
}

function stackAbove(method: unknown): Error {
  const error = new Error();
  Error.captureStackTrace(error, method as () => unknown);
  return error;
}
