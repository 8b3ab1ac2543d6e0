import { withTimeout } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import type { DiscoveryContext } from '../context.js';
import type { ReportedHealth } from '../registrar.js';
import type { BodyReader, ConsulResponse, ConsulTransport } from './transport.js';

export interface RegistrationContext extends DiscoveryContext {
  readonly transport: ConsulTransport;
  /** Goes with every request: namespace and partition. */
  readonly query: Readonly<Record<string, string>>;
  readonly requestTimeoutMs: number;
  readonly verifyIntervalMs: number;
  readonly maxBackoffMs: number;
}

/**
 * How long the answer to a change is listened for after its time was up: an agent that hangs may
 * still carry it out; milliseconds.
 */
const LATE_MS = 60_000;

/** An answer about one service is a few kilobytes. */
const MAX_ANSWER_BYTES = 1_048_576;

/** Requests end by their timeout: one that was cut short might take effect after the next. */
const NEVER = new AbortController().signal;

/** Not found (yet), timed out, too early, too many: the same request may do another time. */
const PASSING = [404, 408, 425, 429];

/** A refusal that the same request would meet again. */
export class RefusedRegistration extends FairleadError {}

/** What the agent says it has under an id. */
export interface Registered {
  readonly Address?: unknown;
  readonly Port?: unknown;
}

/** A change that was sent, and what is reported when its answer comes after its time was up. */
export interface Change {
  /** Its answer is late: it may still be carried out. */
  late(): void;
  /** It was answered, or its connection is gone, after `late`. */
  settled(): void;
}

/** The requests to an agent about one instance, and what their answers mean. */
export class AgentCalls {
  readonly #id: string;
  readonly #service: string;
  readonly #context: RegistrationContext;

  constructor(service: string, id: string, context: RegistrationContext) {
    this.#service = service;
    this.#id = id;
    this.#context = context;
  }

  async register(body: Readonly<Record<string, unknown>>, change: Change): Promise<void> {
    const path = '/agent/service/register';
    const response = await this.#change('agent.service.register', path, {}, body, change);
    if (response.status !== 200) throw this.#refused('did not register', response);
  }

  /** Resolves also where the agent does not know it, which is what we want. */
  async deregister(change: Change): Promise<void> {
    const path = '/agent/service/deregister/{id}';
    const response = await this.#change('agent.service.deregister', path, { id: this.#id }, undefined, change);
    if (response.status === 200 || response.status === 404 || /unknown service/i.test(response.text)) return;
    throw this.#refused('did not deregister', response);
  }

  /** One heartbeat. False where the agent knows no such check. */
  async beat(checkId: string, health: ReportedHealth, note: string, limitMs: number): Promise<boolean> {
    const body = { Status: health, Output: note };
    const path = '/agent/check/update/{id}';
    const response = await this.#send('PUT', 'agent.check.update', path, { id: checkId }, limitMs, body);
    return this.#isKnown(response);
  }

  /** What the agent has under the id; undefined where it has nothing. */
  async read(limitMs: number): Promise<Registered | undefined> {
    const reader = new JsonBody();
    const path = '/agent/service/{id}';
    const response = await this.#send('GET', 'agent.service', path, { id: this.#id }, limitMs, undefined, reader);
    return this.#isKnown(response) ? reader.value() : undefined;
  }

  failed(what: string, cause?: unknown): FairleadError {
    return new FairleadError('FAIRLEAD_REGISTRATION', what, this.#where(cause));
  }

  conflict(what: string): FairleadError {
    return new FairleadError('FAIRLEAD_CONFLICT', what, this.#where(undefined));
  }

  /** Agents up to 1.11 answer 500 to a check they do not know, later ones 404. */
  #isKnown(response: ConsulResponse): boolean {
    if (response.status === 200) return true;
    if (response.status === 404 || /unknown (check|service)|does not have associated TTL/i.test(response.text))
      return false;
    throw this.#refused('refused the heartbeat of', response);
  }

  /** Given up after `requestTimeoutMs` and listened to for longer. */
  async #change(
    name: string,
    path: string,
    params: Readonly<Record<string, string>>,
    body: unknown,
    change: Change,
  ): Promise<ConsulResponse> {
    const { clock, requestTimeoutMs } = this.#context;
    const sent = this.#send('PUT', name, path, params, Math.max(requestTimeoutMs, LATE_MS), body);
    let late = false;
    const limit = (): Error => {
      late = true;
      const { address } = this.#context.transport;
      return this.failed(`Consul at ${address}, ${name}: no answer within ${requestTimeoutMs} ms.`);
    };
    try {
      return await withTimeout(clock, requestTimeoutMs, sent, limit);
    } catch (thrown) {
      if (late) {
        change.late();
        sent.then(
          () => change.settled(),
          () => change.settled(),
        );
      }
      throw thrown;
    }
  }

  async #send(
    method: 'GET' | 'PUT',
    name: string,
    path: string,
    params: Readonly<Record<string, string>>,
    timeoutMs: number,
    body?: unknown,
    reader?: BodyReader,
  ): Promise<ConsulResponse> {
    const { transport, query } = this.#context;
    const request = { method, name, path, params, query, body, timeoutMs, signal: NEVER };
    try {
      return await transport.send(reader === undefined ? request : { ...request, reader });
    } catch (thrown) {
      throw this.failed(toError(thrown).message, thrown);
    }
  }

  #refused(what: string, { status, text }: ConsulResponse): FairleadError {
    const said = text.trim() === '' ? '' : `: ${text.trim()}`;
    const none = this.#context.transport.hasToken ? '' : ' No token was given.';
    const hint = status === 403 ? `${none} The token needs service:write.` : '';
    const message = `Consul at ${this.#context.transport.address} ${what} '${this.#id}' (${status}${said}).${hint}`;
    const Kind = status >= 400 && status < 500 && !PASSING.includes(status) ? RefusedRegistration : FairleadError;
    return new Kind('FAIRLEAD_REGISTRATION', message, this.#where(undefined));
  }

  #where(cause: unknown): { service: string; endpoint: string; cause: unknown } {
    return { service: this.#service, endpoint: this.#id, cause };
  }
}

class JsonBody implements BodyReader {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  write(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    this.#chunks.push(chunk);
  }

  /** What it says, as far as it is an object. */
  value(): Registered {
    try {
      const value: unknown = JSON.parse(Buffer.concat(this.#chunks).toString('utf8'));
      return typeof value === 'object' && value !== null ? value : {};
    } catch {
      return {};
    }
  }
}
