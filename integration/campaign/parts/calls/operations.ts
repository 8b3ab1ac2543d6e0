import { type Endpoint, FairleadError, type Service, sessionHash } from 'fairlead';
import type { Random } from 'fairlead/testing';
import { type Agent, request } from 'undici';
import { nowMs } from '../../history.js';
import type { ClientContext } from '../../part.js';
import { type CallsPlan, SERVERS } from './plan.js';

/** One attempt of a call, as its client saw it. */
export interface Attempt {
  readonly server: string;
  readonly atMs: number;
  /** Undefined for one that never ended. */
  overMs?: number;
}

/** What is asked for. */
export interface Asked {
  /** The session. */
  readonly key?: string;
  /** Whose rate it is charged to. */
  readonly clientKey?: string;
  readonly delayMs?: number;
  readonly code?: number;
  readonly deadlineMs?: number;
}

class Answered extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

const DEADLINE_MS = 5_000;
/** So many more than there are places. */
const CROWD = 10;
const POISONS = 40;
const STRANGERS = 40;

/** Random calls: sessions, crowds that have to wait, keys that are made up, requests that fail anywhere. */
export class Operations {
  readonly #service: Service;
  readonly #agent: Agent;
  readonly #context: ClientContext;
  readonly #plan: CallsPlan;
  #unique = 0;

  constructor(service: Service, agent: Agent, context: ClientContext, plan: CallsPlan) {
    this.#service = service;
    this.#agent = agent;
    this.#context = context;
    this.#plan = plan;
  }

  async step(worker: number, random: Random): Promise<void> {
    const { ratePerKey, sessions, limits } = this.#plan;
    const own = `${this.#context.name}/${random.below(this.#context.keys)}`;
    const delayMs = random.below(4) === 0 ? random.below(150) : random.below(5);
    const all = (count: number, asked: (i: number) => Asked): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, (_, i) => this.#call(worker, asked(i))));
    const kind = random.below(200);
    if (kind === 0) await all(POISONS, () => ({ code: 500 }));
    else if (kind === 1 && limits !== undefined) {
      // They end together, so that nothing else makes room meanwhile.
      const longMs = 300 + random.below(2_000);
      const places = SERVERS * (limits.maxInflightPerEndpoint ?? 0);
      await all(places + CROWD, () => ({ delayMs: longMs, deadlineMs: 2 * DEADLINE_MS }));
    } else if (kind < 4 && sessions !== undefined) await all(STRANGERS, () => ({ key: `made-up/${this.#name()}` }));
    else if (kind < 6) await all(STRANGERS, () => ({ clientKey: `made-up/${this.#name()}` }));
    else if (kind < 8) await all(ratePerKey.burst + 3, () => ({ clientKey: own }));
    else if (kind < 100 && sessions !== undefined) {
      const shared = random.below(4) === 0 ? `shared/${random.below(this.#context.keys)}` : own;
      await this.#call(worker, { key: shared, delayMs });
    } else if (kind < 130) await this.#call(worker, { clientKey: own, delayMs });
    else await this.#call(worker, { delayMs, ...(random.below(20) === 0 && { deadlineMs: random.below(200) }) });
    // As many as a test program makes, and not as many as the machine can: crowds are of some use then.
    await new Promise((resolve) => setTimeout(resolve, random.below(60)));
  }

  /** One that is out is asked whether it is well. */
  async probe(): Promise<void> {
    await Promise.all(Array.from({ length: 5 }, () => this.#call(0, { delayMs: 1 }, 'probe')));
    const { sessions } = this.#plan;
    // Where there are sessions only a call that belongs there asks, or a new one.
    if (sessions !== undefined) await this.#call(0, { key: `made-up/${this.#name()}` }, 'probe');
  }

  /** In quiet: all succeed; each shared session is where it is for all. */
  async final(): Promise<void> {
    for (let i = 0; i < 10; i++) await this.#call(0, {}, 'final-call');
    const { sessions, affinity } = this.#plan;
    if (sessions === undefined) return;
    const keys = Array.from({ length: this.#context.keys }, (_, i) => `shared/${i}`);
    const askAll = async (name: string): Promise<void> => {
      for (const key of keys) await this.#call(0, { key }, name);
      await new Promise((resolve) => setTimeout(resolve, 1_200 + affinity.cacheMs!));
    };
    // What a store knows is asked for once in `cacheMs`, and followed from the next call on.
    for (const name of ['settles', 'settles', 'final-session']) await askAll(name);
  }

  async #call(worker: number, asked: Asked, name = 'call'): Promise<void> {
    const { history } = this.#context;
    const { key, clientKey, deadlineMs = DEADLINE_MS } = asked;
    const attempts: Attempt[] = [];
    const run = async (endpoint: Endpoint, signal: AbortSignal): Promise<string> => {
      const attempt: Attempt = { server: endpoint.spec.id, atMs: nowMs() };
      attempts.push(attempt);
      try {
        return await this.#ask(endpoint, asked, signal);
      } finally {
        attempt.overMs = nowMs();
      }
    };
    const call = async (): Promise<object> => {
      // A text would be the key of a rate as well.
      const options = {
        deadlineMs,
        ...(key !== undefined && { key: Buffer.from(key) }),
        ...(clientKey !== undefined && { clientKey }),
      };
      const server = await this.#service.call(run, options);
      return { server, attempts };
    };
    const input = { ...asked, deadlineMs, ...(key !== undefined && { hash: sessionHash(Buffer.from(key)) }) };
    await history.run(worker, name, key ?? clientKey ?? '', input, call, judge(asked, attempts), () => ({ attempts }));
  }

  async #ask({ spec }: Endpoint, { delayMs = 0, code = 200 }: Asked, signal: AbortSignal): Promise<string> {
    const url = `http://${spec.host}:${spec.port}/?delay=${delayMs}&code=${code}`;
    const response = await request(url, { dispatcher: this.#agent, signal, reset: false });
    const server = await response.body.text();
    if (response.statusCode !== 200) throw new Answered(response.statusCode);
    return server;
  }

  #name(): string {
    return `${this.#context.name}-${this.#unique++}`;
  }
}

/** What a call that was not sent fails with. */
const NOT_SENT = /^FAIRLEAD_(TOO_MANY_CALLS|RATE_LIMITED|NO_ENDPOINT)$/;
const ENDED = /^(FAIRLEAD_(DEADLINE_EXCEEDED|UNCERTAIN|CLOSED)|UND_ERR_|ECONN|EPIPE)/;

const judge =
  (asked: Asked, attempts: readonly Attempt[]) =>
  (error: unknown): 'fail' | 'unknown' | undefined => {
    if (error instanceof Answered) return error.status === asked.code ? 'unknown' : undefined;
    const { code = '' } = error as { code?: string };
    if (error instanceof FairleadError && NOT_SENT.test(code)) return attempts.length === 0 ? 'fail' : 'unknown';
    return ENDED.test(code) ? 'unknown' : undefined;
  };
