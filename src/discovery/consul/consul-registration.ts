import { Backoff } from '../../runtime/backoff.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import { SafeEmitter } from '../../runtime/emitter.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import type { Random } from '../../runtime/random.js';
import type { Registration, RegistrationEvents, RegistrationStatus, ReportedHealth } from '../registrar.js';
import type { InstanceSettings } from './instance.js';
import type { ConsulResponse, ConsulTransport } from './transport.js';

export interface RegistrationContext {
  readonly transport: ConsulTransport;
  readonly clock: Clock;
  readonly random: Random;
  /** Goes with every request: namespace and partition. */
  readonly query: Readonly<Record<string, string>>;
  readonly requestTimeoutMs: number;
  readonly verifyIntervalMs: number;
  readonly maxBackoffMs: number;
}

const BACKOFF_BASE_MS = 100;

/** Tries to deregister before giving up: an agent that restarts is back by the last of them. */
const DEREGISTER_TRIES = 4;

/**
 * One instance that is kept registered. Every heartbeat is also the question whether the agent
 * still knows it: an agent that lost its state answers that it knows no such check, and gets the
 * whole registration again. Without a TTL check the question is asked for its own sake.
 */
export class ConsulRegistration implements Registration {
  readonly id: string;
  readonly #instance: InstanceSettings;
  readonly #context: RegistrationContext;
  readonly #events = new SafeEmitter<RegistrationEvents>();
  readonly #backoff: Backoff;
  readonly #ended: () => void;
  #status: RegistrationStatus = 'registered';
  #health: ReportedHealth = 'passing';
  #note = '';
  #timer: Timer | undefined;
  /** The turn in progress: turns never overlap, nor does the end overlap one. */
  #turn: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;

  constructor(instance: InstanceSettings, context: RegistrationContext, ended: () => void) {
    this.id = instance.id;
    this.#instance = instance;
    this.#context = context;
    this.#ended = ended;
    this.#backoff = new Backoff(context.random, { baseMs: BACKOFF_BASE_MS, maxMs: context.maxBackoffMs });
  }

  get status(): RegistrationStatus {
    return this.#status;
  }

  /** Registers for the first time, and keeps it up from then on. */
  async begin(): Promise<void> {
    await this.#register();
    this.#schedule(this.#intervalMs());
  }

  on<Name extends keyof RegistrationEvents & string>(
    name: Name,
    listener: (...args: RegistrationEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  async report(health: ReportedHealth, note = ''): Promise<void> {
    this.#health = health;
    this.#note = note;
    this.#run();
    await this.#turn;
  }

  deregister(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.deregister();
  }

  #intervalMs(): number {
    return Math.min(this.#context.verifyIntervalMs, ...this.#instance.heartbeats.map((beat) => beat.intervalMs));
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#ending !== undefined) return;
    this.#timer = this.#context.clock.after(delayMs, () => this.#run());
  }

  #run(): void {
    this.#timer?.cancel();
    this.#turn = this.#turn.then(() => this.#keepUp());
  }

  async #keepUp(): Promise<void> {
    if (this.#ending !== undefined) return;
    try {
      if (!(await this.#isKnown())) {
        this.#become('lost');
        await this.#register();
        await this.#isKnown();
      }
      this.#become('registered');
      this.#backoff.reset();
      this.#schedule(this.#intervalMs());
    } catch (thrown) {
      this.#become('lost');
      this.#events.emit('error', toError(thrown));
      this.#schedule(this.#backoff.next());
    }
  }

  /**
   * Sends the heartbeats, or asks for the service where there is none. False when the agent does
   * not know it.
   */
  async #isKnown(): Promise<boolean> {
    const { heartbeats } = this.#instance;
    if (heartbeats.length === 0) {
      const response = await this.#send('GET', 'agent.service', '/agent/service/{id}', { id: this.id });
      return this.#judge(response);
    }
    for (const { checkId } of heartbeats) {
      const body = { Status: this.#health, Output: this.#note };
      const response = await this.#send('PUT', 'agent.check.update', '/agent/check/update/{id}', { id: checkId }, body);
      if (!this.#judge(response)) return false;
    }
    return true;
  }

  /** Agents up to 1.11 answer 500 to a check they do not know, later ones 404. */
  #judge(response: ConsulResponse): boolean {
    if (response.status === 200) return true;
    if (response.status === 404 || /unknown (check|service)|does not have associated TTL/i.test(response.text))
      return false;
    throw this.#refused('refused the heartbeat of', response);
  }

  async #register(): Promise<void> {
    const response = await this.#send(
      'PUT',
      'agent.service.register',
      '/agent/service/register',
      {},
      this.#instance.body,
    );
    if (response.status !== 200) throw this.#refused('did not register', response);
  }

  async #end(): Promise<void> {
    this.#timer?.cancel();
    await this.#turn;
    this.#become('deregistered');
    this.#ended();
    for (let tries = 1; ; tries++) {
      try {
        await this.#deregisterOnce();
        return;
      } catch (thrown) {
        if (tries === DEREGISTER_TRIES) throw thrown;
      }
      await new Promise<void>((resolve) => void this.#context.clock.awaited(this.#backoff.next(), resolve));
    }
  }

  async #deregisterOnce(): Promise<void> {
    const path = '/agent/service/deregister/{id}';
    const response = await this.#send('PUT', 'agent.service.deregister', path, { id: this.id });
    // An agent that does not know it is what we want.
    if (response.status === 200 || response.status === 404 || /unknown service/i.test(response.text)) return;
    throw this.#refused('did not deregister', response);
  }

  async #send(
    method: 'GET' | 'PUT',
    name: string,
    path: string,
    params: Readonly<Record<string, string>>,
    body?: unknown,
  ): Promise<ConsulResponse> {
    const { transport, query, requestTimeoutMs } = this.#context;
    try {
      return await transport.send({
        method,
        name,
        path,
        params,
        query,
        body,
        timeoutMs: requestTimeoutMs,
        signal: NEVER,
      });
    } catch (thrown) {
      throw new FairleadError('FAIRLEAD_REGISTRATION', toError(thrown).message, this.#where(thrown));
    }
  }

  #refused(what: string, { status, text }: ConsulResponse): FairleadError {
    const said = text.trim() === '' ? '' : `: ${text.trim()}`;
    const hint = status === 403 ? ' The token needs service:write.' : '';
    return new FairleadError(
      'FAIRLEAD_REGISTRATION',
      `Consul at ${this.#context.transport.address} ${what} '${this.id}' (${status}${said}).${hint}`,
      this.#where(undefined),
    );
  }

  #where(cause: unknown): { service: string; endpoint: string; cause: unknown } {
    return { service: this.#instance.service, endpoint: this.id, cause };
  }

  #become(status: RegistrationStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#events.emit('status', status);
  }
}

/** Requests end by their timeout: one that was cut short might take effect after the next. */
const NEVER = new AbortController().signal;
