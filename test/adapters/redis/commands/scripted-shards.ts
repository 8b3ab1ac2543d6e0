import { EventEmitter } from 'node:events';
import type { ManualClock } from 'fairlead/testing';
import type { Command } from '../../../../adapters/redis/driver/driver.js';
import { placeShards } from '../../../../adapters/redis/shards/placement.js';
import type { Shard } from '../../../../adapters/redis/shards/shard.js';
import { ShardSet } from '../../../../adapters/redis/shards/shard-set.js';
import type { ShardState } from '../../../../adapters/redis/shards/state.js';
import { plainRoutes } from '../fakes.js';

interface Options {
  retryStrategy(times: number): number;
}

const LATENCY_MS = 2;
const COMMAND_TIMEOUT_MS = 400;

/**
 * A connection to a scripted server, as much of ioredis' as subscriptions use: it connects after a
 * moment, is made again when it breaks, and answers in order.
 */
export class ScriptedConnection extends EventEmitter {
  status = 'wait';
  readonly held: Set<string> = new Set();
  readonly stream = { destroy: (): void => this.broken() };
  readonly #shard: ScriptedShard;
  readonly #options: Options;
  #attempts = 0;
  #closed = false;
  /** Asked and not answered: the server executes them in order, also when nobody waits any more. */
  #asked: { execute(): void; reject(error: Error): void }[] = [];

  constructor(shard: ScriptedShard, options: Options) {
    super();
    this.#shard = shard;
    this.#options = options;
  }

  async connect(): Promise<void> {
    this.status = 'connecting';
    this.#shard.clock.after(LATENCY_MS, () => {
      if (this.#closed) return;
      if (!this.#shard.reachable) this.broken();
      else if (!this.#shard.hung) this.#ready();
      else this.#shard.whenReleased(() => this.status === 'connecting' && this.#ready());
    });
  }

  #ready(): void {
    this.status = 'ready';
    this.#attempts = 0;
    this.#shard.connections.add(this);
    this.emit('ready');
  }

  sendCommand(command: Command): Promise<unknown> {
    const { name } = command;
    const names = command.args as Buffer[];
    if (this.status !== 'ready') {
      command.reject(new Error('not connected'));
      return command.promise;
    }
    const execute = (): void => {
      const refused = this.#shard.refuses && name.includes('subscribe') && !name.includes('un');
      if (refused && names.some((each) => this.#shard.refuses!(each.toString('latin1')))) {
        command.reject(Object.assign(new Error('NOPERM'), { name: 'ReplyError' }));
        return;
      }
      const kind = name.replace('un', '');
      for (const each of names) {
        const held = `${kind} ${each.toString('latin1')}`;
        if (name === kind) this.held.add(held);
        else this.held.delete(held);
      }
      command.resolve(Buffer.from('OK'));
    };
    this.#asked.push({ execute, reject: (error) => command.reject(error) });
    this.#shard.clock.after(COMMAND_TIMEOUT_MS, () => command.reject(new Error('Command timed out')));
    this.#shard.clock.after(LATENCY_MS, () => this.answer());
    return command.promise;
  }

  answer(): void {
    if (this.status !== 'ready' || this.#shard.hung) return;
    for (const { execute } of this.#asked.splice(0)) execute();
  }

  broken(): void {
    if (this.status === 'close' || this.#closed) return;
    this.#end();
    const delayMs = this.#options.retryStrategy(++this.#attempts);
    this.#shard.clock.after(delayMs, () => {
      if (!this.#closed) void this.connect();
    });
  }

  disconnect(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end();
  }

  #end(): void {
    this.status = 'close';
    this.held.clear();
    this.#shard.connections.delete(this);
    for (const { reject } of this.#asked.splice(0)) reject(new Error('connection lost'));
    queueMicrotask(() => this.emit('close'));
  }
}

/** A shard over a server that the test breaks and mends. */
export class ScriptedShard {
  readonly shard = this as unknown as Shard;
  readonly name: string;
  readonly clock: ManualClock;
  readonly connections: Set<ScriptedConnection> = new Set();
  readonly made: ScriptedConnection[] = [];
  state: ShardState = 'up';
  reachable = true;
  hung = false;
  refuses: ((name: string) => boolean) | undefined;
  #waiting: (() => void)[] = [];

  constructor(name: string, clock: ManualClock) {
    this.name = name;
    this.clock = clock;
  }

  connect(options: Options): ScriptedConnection {
    const connection = new ScriptedConnection(this, options);
    this.made.push(connection);
    return connection;
  }

  refusal(): Error | undefined {
    return this.state === 'down' ? new Error(`${this.name} is down`) : undefined;
  }

  /** Killed: nothing is left of its connections. */
  kill(): void {
    this.reachable = false;
    for (const connection of [...this.connections]) connection.broken();
  }

  /** SIGSTOP. */
  hang(): void {
    this.hung = true;
  }

  mend(): void {
    this.reachable = true;
    this.hung = false;
    this.refuses = undefined;
    for (const connection of [...this.connections]) connection.answer();
    for (const released of this.#waiting.splice(0)) released();
  }

  whenReleased(then: () => void): void {
    this.#waiting.push(then);
  }

  /** All that some connection holds here, each as often as it is held. */
  get held(): string[] {
    return [...this.connections].flatMap((connection) => [...connection.held]).sort();
  }
}

export function setOf(generation: number, shards: readonly ScriptedShard[]): ShardSet {
  const sorted = [...shards].sort((a, b) => (a.name < b.name ? -1 : 1));
  const placed = sorted.map(({ name }) => ({ name, weight: 1 }));
  const placement =
    placed.length === 0 ? undefined : placeShards(placed, { placement: 'ketama', compatibility: 'none' });
  return new ShardSet({
    generation,
    shards: sorted.map(({ shard }) => shard),
    placement,
    ring: placed.map(({ name }) => name).join(),
    routes: plainRoutes,
    leaving: () => [],
  });
}
