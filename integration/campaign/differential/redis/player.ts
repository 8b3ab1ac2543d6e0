import type { Heard } from '../heard.js';
import type { Step } from '../script.js';
import type { Command } from './commands.js';

/** A client as a caller without types sees it. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any;

const EVENTS = ['connecting', 'connect', 'ready', 'close', 'reconnecting', 'end', 'wait', 'select'];
const MESSAGES = ['message', 'messageBuffer', 'pmessage', 'pmessageBuffer', 'smessage'];

const once = (client: Any, event: string): Promise<unknown> => new Promise((resolve) => client.once(event, resolve));

/** Plays steps on a client; another client of the same kind hears what is published. */
export class RedisPlayer {
  readonly #client: Any;
  readonly #subscriber: Any;
  readonly #publisher: Any;
  readonly #heard: Heard;
  readonly #database: number;
  /** The server is about to refuse a database. */
  #refused = false;

  constructor(client: Any, subscriber: Any, publisher: Any, heard: Heard) {
    this.#client = client;
    this.#subscriber = subscriber;
    this.#publisher = publisher;
    this.#heard = heard;
    this.#database = client.options.db ?? 0;
    for (const event of EVENTS) {
      client.on(event, (...args: unknown[]) => {
        if (event === 'select' && this.#refused) return;
        // Known differences: at `close` its status is that, and there is no one delay for several
        // connections.
        const status = event === 'close' ? '' : client.status;
        heard.tell(`event ${event}`, status, ...(event === 'reconnecting' ? [] : args));
      });
    }
    client.on('error', (error: unknown) => heard.tell('event error', error));
    for (const event of MESSAGES) subscriber.on(event, (...args: unknown[]) => heard.tell(event, ...args));
    client.defineCommand('mine', { numberOfKeys: 1, lua: 'return {KEYS[1], ARGV[1], redis.call("EXISTS", KEYS[1])}' });
    client.defineCommand('counted', { lua: 'return {#KEYS, #ARGV}' });
  }

  async play(step: Step): Promise<void> {
    const list = step.list as readonly Command[];
    switch (step.op) {
      case 'command':
        await this.#command(step.command as Command, step.callback === true);
        return;
      case 'at once':
        await Promise.all(list.map((each, i) => this.#command(each, false, `${i} `)));
        // A script that the server does not have is sent again.
        if (list.some(([name]) => /^(?:mine|counted)/.test(name))) this.#heard.sort();
        return;
      case 'pipeline':
        await this.#pipeline(list, String(step.how));
        return;
      case 'multi':
        await this.#multi(list, String(step.how));
        return;
      case 'watch':
        await this.#watch(list, step.changed === true);
        return;
      case 'subscriber':
        await this.#heard.answer(String(step.what), () =>
          this.#subscriber[String(step.what)](...(step.channels as string[])),
        );
        return;
      case 'publish':
        await this.#publish(String(step.channel), String(step.message));
        return;
      case 'scan stream':
        await this.#scan(String(step.what), String(step.key));
        return;
      case 'status': {
        const { status, mode, isCluster } = this.#client;
        this.#heard.tell('status', status, mode, isCluster);
        return;
      }
      case 'select':
        await this.#select(Number(step.db));
        return;
      default:
        await this.#life(String(step.what));
    }
  }

  async #command([name, ...args]: Command, withCallback: boolean, prefix = ''): Promise<void> {
    await this.#heard.answer(`${prefix}${name}`, () =>
      withCallback
        ? new Promise((resolve) =>
            this.#client[name](...args, (...given: unknown[]) => resolve(['called back', ...given])),
          )
        : this.#client[name](...args),
    );
  }

  async #pipeline(list: readonly Command[], how: string): Promise<void> {
    await this.#heard.answer('pipeline', () => {
      if (how === 'list') return this.#client.pipeline(list.map((each) => [...each])).exec();
      const pipeline = this.#client.pipeline();
      for (const [i, [name, ...args]] of list.entries()) {
        const own =
          how === 'each callback' ? [(...given: unknown[]) => this.#heard.tell(`called back ${i}`, ...given)] : [];
        pipeline[name](...args, ...own);
      }
      this.#heard.tell('length', pipeline.length);
      return how === 'callback'
        ? new Promise((resolve) => pipeline.exec((...given: unknown[]) => resolve(['called back', ...given])))
        : pipeline.exec();
    });
  }

  async #multi(list: readonly Command[], how: string): Promise<void> {
    if (how === 'by hand' || how === 'discard') {
      await this.#heard.answer('multi', () => this.#client.multi({ pipeline: false }));
      for (const each of list) await this.#command(each, false);
      await this.#heard.answer(how === 'discard' ? 'discard' : 'exec', () =>
        how === 'discard' ? this.#client.discard() : this.#client.exec(),
      );
      return;
    }
    await this.#heard.answer('multi', () => {
      if (how === 'list') return this.#client.multi(list.map((each) => [...each])).exec();
      if (how === 'in a pipeline') {
        return this.#client
          .pipeline([['ping'], ['multi'], ...list.map((each) => [...each]), ['exec'], ['ping']])
          .exec();
      }
      const multi = this.#client.multi();
      for (const [name, ...args] of list) multi[name](...args);
      return multi.exec();
    });
  }

  /**
   * There and back. Known differences: fairlead keeps the database in `options.db`, and its event
   * comes with the answer, for one that the server has.
   */
  async #select(db: number): Promise<void> {
    this.#refused = db > 15;
    await this.#heard.answer('select', () => this.#client.select(db));
    await this.#heard.answer('select', () => this.#client.select(this.#database));
    this.#refused = false;
  }

  async #watch(list: readonly Command[], changed: boolean): Promise<void> {
    await this.#heard.answer('watch', () => this.#client.watch('k0'));
    if (changed) await this.#publisher.set(`${this.#client.options.keyPrefix ?? ''}k0`, 'changed');
    await this.#multi(list, 'chain');
  }

  /** What the subscriber hears of it has come when it has an answer to what it asks next. */
  async #publish(channel: string, message: string): Promise<void> {
    await this.#heard.answer('publish', () => this.#publisher.publish(channel, message));
    await this.#publisher.publish('last', 'x');
    await new Promise((resolve) => setTimeout(resolve, 15));
    // By two connections.
    this.#heard.sort();
  }

  async #scan(what: string, key: string): Promise<void> {
    const stream = what.startsWith('scan') ? this.#client[what]({ count: 100 }) : this.#client[what](key);
    await this.#heard.answer(what, async () => {
      const found: string[] = [];
      for await (const page of stream) found.push(...(page as unknown[]).map(String));
      return found.sort();
    });
  }

  async #life(what: string): Promise<void> {
    const client = this.#client;
    if (what === 'duplicate') {
      const twin = client.duplicate({ lazyConnect: true });
      await this.#heard.answer('a twin', () => twin.get('k0'));
      this.#heard.tell('status of a twin', twin.status);
      await this.#heard.answer('end of a twin', () => twin.quit());
      return;
    }
    // Not before there is a connection to lose.
    await client.ping();
    if (what === 'connect') await this.#heard.answer('connect', () => client.connect());
    else if (what === 'quit and connect') {
      const ended = once(client, 'end');
      await this.#heard.answer('quit', () => client.quit());
      await ended;
      // Known difference: its events come before its answer.
      this.#heard.sort();
      await this.#heard.answer('connect', () => client.connect());
    } else {
      const ready = once(client, 'ready');
      if (what === 'reconnect') client.disconnect(true);
      else await this.#publisher.client('KILL', 'ID', await client.client('ID'));
      await ready;
    }
    await this.#heard.answer('ping', () => client.ping());
  }
}
