import type { Random } from 'fairlead/testing';
import type { ClientContext } from '../../part.js';
import { type Caller, type CallSettings, ENDLESS_MS, type Leaving } from './caller.js';
import { judge } from './judge.js';
import type { Answer, Request } from './messages.js';

const LEAVINGS: readonly Leaving[] = ['read', 'read', 'read', 'break', 'throw', 'cancel', 'destroy', 'unread'];
/** How a stream is left that does not end by itself. */
const LEFT: readonly Leaving[] = ['break', 'throw', 'cancel', 'destroy'];
const KINDS = [
  ...(['read', 'read', 'read', 'read', 'read', 'read', 'write', 'write', 'write', 'write', 'count', 'count'] as const),
  ...(['gather', 'gather', 'chat', 'chat', 'unsent', 'unsent', 'refused', 'refused', 'endless', 'burst'] as const),
];
/** Calls of one turn: some of them cross a GOAWAY on their way. */
const BURST = 30;

/** Random calls of every kind, left in every way. */
export class Operations {
  readonly #caller: Caller;
  readonly #context: ClientContext;
  readonly #affinity: boolean;
  #unique = 0;

  constructor(caller: Caller, context: ClientContext, affinity: boolean) {
    this.#caller = caller;
    this.#context = context;
    this.#affinity = affinity;
  }

  async step(worker: number, random: Random): Promise<void> {
    const kind = KINDS[random.below(KINDS.length)]!;
    const request = this.#request(random);
    const settings = this.#settings(random);
    const leaving = LEAVINGS[random.below(LEAVINGS.length)]!;
    switch (kind) {
      case 'read':
        return this.#one(worker, 'read', request, settings, () => this.#caller.read(request, settings));
      case 'write':
        return this.#one(worker, 'write', request, settings, () => this.#caller.write(request, settings));
      case 'gather': {
        if (this.#caller.gather === undefined) return;
        const requests = Array.from({ length: 1 + random.below(5) }, () => request);
        return this.#one(worker, 'gather', request, settings, () => this.#caller.gather!(requests, settings));
      }
      case 'count': {
        const counted = { ...request, count: random.below(12), everyMs: random.below(3) };
        const ask = () => this.#caller.count(counted, settings, leaving);
        return this.#many(
          worker,
          'count',
          counted,
          { ...settings, leaving },
          ask,
          leaving === 'read' ? counted.count : undefined,
        );
      }
      case 'chat': {
        const requests = Array.from({ length: 1 + random.below(6) }, () => request);
        const ask = () => this.#caller.chat(requests, settings, leaving);
        return this.#many(
          worker,
          'chat',
          request,
          { ...settings, leaving },
          ask,
          leaving === 'read' ? requests.length : undefined,
        );
      }
      case 'endless': {
        const how = LEFT[random.below(LEFT.length)]!;
        const endless = { ...request, delayMs: 0, endless: true, everyMs: random.below(2) };
        // Long after it was left, its deadline would end it.
        const own = { timeoutMs: ENDLESS_MS, leaving: how };
        return this.#many(worker, 'endless', endless, own, () => this.#caller.count(endless, own, how), undefined);
      }
      case 'burst': {
        const own = { timeoutMs: 3_000 };
        const calls = Array.from({ length: BURST }, () => ({ id: this.#id(), delayMs: random.below(3) }));
        const ask = (call: Request) => this.#one(worker, 'write', call, own, () => this.#caller.write(call, own));
        return void (await Promise.all(calls.map(ask)));
      }
      case 'unsent': {
        // Cancelled in its own turn, or with no time left: no server may hear of it.
        const cancelled = random.below(2) === 0 || !this.#caller.knowsPastDeadlines;
        const over = cancelled ? { timeoutMs: 5_000, cancelMs: 0 } : { timeoutMs: -1 - random.below(100) };
        const ask = () =>
          random.below(2) === 0 ? this.#caller.read(request, over) : this.#caller.write(request, over);
        return this.#one(worker, 'unsent', request, over, ask);
      }
      default: {
        // An answer of the application: neither repeated nor held against the server.
        const refused = { ...request, code: [3, 5, 9][random.below(3)]! };
        return this.#one(worker, 'refused', refused, settings, () => this.#caller.write(refused, settings));
      }
    }
  }

  /** In quiet every call succeeds. */
  async final(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      const request = { id: this.#id(), delayMs: 0 };
      const settings = { timeoutMs: 5_000 };
      await this.#one(0, 'final-read', request, settings, () => this.#caller.read(request, settings));
    }
  }

  async #one(
    worker: number,
    name: string,
    request: Request,
    settings: CallSettings,
    ask: () => Promise<Answer>,
  ): Promise<void> {
    const { history } = this.#context;
    const checked = async (): Promise<Answer> => {
      const answer = await ask();
      if (answer.id !== request.id || answer.padding !== request.padding) {
        history.complain('an answer belongs to another call', { request, answer });
      }
      return { ...answer, padding: '' };
    };
    await history.run(worker, name, request.id, { ...settings, code: request.code }, checked, judge);
  }

  async #many(
    worker: number,
    name: string,
    request: Request,
    settings: CallSettings & { leaving: Leaving },
    ask: () => Promise<Answer[]>,
    expected: number | undefined,
  ): Promise<void> {
    const { history } = this.#context;
    const checked = async (): Promise<{ read: number; server: string | undefined }> => {
      const answers = await ask();
      const [first] = answers;
      const wrong = answers.find(
        ({ id, n, server, padding }, i) =>
          id !== request.id || n !== i || server !== first!.server || padding !== request.padding,
      );
      if (wrong) history.complain('a stream is not what its server sent', { request: request.id, wrong });
      if (expected !== undefined && answers.length !== expected) {
        history.complain('a stream ended well and is not whole', { id: request.id, expected, is: answers.length });
      }
      return { read: answers.length, server: first?.server };
    };
    await history.run(worker, name, request.id, settings, checked, judge);
  }

  #request(random: Random): Request {
    const delayMs = random.below(6) === 0 ? random.below(100) : random.below(10);
    const sizes = [0, 0, 10, 2_000, 100_000];
    const size = sizes[random.below(random.below(10) === 0 ? 5 : 4)]!;
    return { id: this.#id(), delayMs, padding: 'x'.repeat(size) };
  }

  #settings(random: Random): CallSettings {
    const timeoutMs = [1, 4, 500, 1_000, 3_000, 3_000, 3_000][random.below(7)]!;
    const key =
      this.#affinity && random.below(2) === 0 ? `${this.#context.name}/${random.below(this.#context.keys)}` : undefined;
    const cancelMs = random.below(10) === 0 ? random.below(60) : undefined;
    return { timeoutMs, ...(key !== undefined && { key }), ...(cancelMs !== undefined && { cancelMs }) };
  }

  #id(): string {
    return `${this.#context.name}-call${this.#unique++}`;
  }
}
