import { FairleadError, type Mesh, type Timer } from '../../src/index.js';
import { type MeshFigures, meshFigures } from '../../src/monitor/index.js';
import { Actions } from './actions.js';
import { pageDocument } from './document.js';
import { look } from './looks.js';
import type { AdminSettings } from './options.js';
import { EventLog } from './state/event-log.js';
import type { Json } from './state/merge-patch.js';
import { StateReader } from './state/state-reader.js';
import { answer, answerJson, refuse } from './web/answers.js';
import { Guard, type GuardedRequest, Refused } from './web/guard.js';
import { LiveStreams } from './web/live-streams.js';
import { type AnyRequest, type AnyResponse, type PlainRequest, plainRequest, readBody } from './web/request.js';

export type Respond = (request: AnyRequest, response: AnyResponse) => void;

/** Who asks without a stream is taken for one who will ask again: figures are counted so long. */
const LINGER_MS = 30_000;

const STATUS: Readonly<Record<string, number>> = { FAIRLEAD_NO_ENDPOINT: 404, FAIRLEAD_CONFLICT: 409 };

/** Answers requests about a mesh, whichever server they came through. */
export class LiveAdmin {
  readonly #mesh: Mesh;
  readonly #settings: AdminSettings;
  readonly #guard: Guard;
  readonly #log: EventLog;
  readonly #reader: StateReader;
  readonly #actions: Actions;
  readonly #streams: LiveStreams;
  #figures: MeshFigures | undefined;
  #linger: Timer | undefined;
  #closed = false;

  constructor(mesh: Mesh, settings: AdminSettings) {
    this.#mesh = mesh;
    this.#settings = settings;
    this.#guard = new Guard(settings);
    this.#log = new EventLog(mesh, settings.events, settings.config, settings.monitor);
    this.#reader = new StateReader(mesh, settings, this.#log);
    this.#actions = new Actions(mesh, settings, this.#log);
    this.#streams = new LiveStreams(mesh.clock, settings.updateMs, {
      open: () => this.#count(),
      read: () => this.#read(),
      close: () => this.#countNoMore(),
    });
  }

  get followers(): number {
    return this.#streams.size;
  }

  readonly handle: Respond = (request, response) => {
    const plainOne = plainRequest(request, response);
    this.#route(plainOne).catch((thrown: unknown) => {
      if (thrown instanceof Refused) {
        refuse(plainOne.response, thrown.refusal);
      } else if (thrown instanceof FairleadError) {
        const { code, message } = thrown;
        refuse(plainOne.response, { status: STATUS[code] ?? 400, code, message });
      } else if (thrown instanceof SyntaxError) {
        refuse(plainOne.response, { status: 400, code: 'BODY', message: 'The body is not a JSON object.' });
      } else {
        refuse(plainOne.response, { status: 500, code: 'INTERNAL', message: 'It could not be answered.' });
      }
    });
  };

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#streams.close();
    this.#linger?.cancel();
    this.#figures?.close();
    this.#figures = undefined;
    this.#log.close();
  }

  async #route(request: PlainRequest): Promise<void> {
    const { message } = request;
    const { pathname, searchParams: query } = new URL(message.url ?? '/', 'http://admin');
    const { method = 'GET', headers } = message;
    const guarded: GuardedRequest = { method, headers, query, remoteAddress: message.socket.remoteAddress };
    if (this.#closed) throw new Refused({ status: 503, code: 'FAIRLEAD_CLOSED', message: 'It is closed.' });
    const api = /\/api\/([a-z/]+)$/.exec(pathname)?.[1];
    if (api !== undefined && this.#actions.names.includes(api)) {
      await this.#change(api, request, guarded);
      return;
    }
    if (method !== 'GET' && method !== 'HEAD') {
      throw new Refused({ status: 405, code: 'METHOD', message: 'GET, or POST of a change.' });
    }
    if (api !== undefined) this.#look(api, request, guarded);
    else await this.#page(pathname, request, guarded);
  }

  async #page(pathname: string, { response }: PlainRequest, guarded: GuardedRequest): Promise<void> {
    const refusal = this.#guard.refusePage(guarded);
    if (refusal !== undefined) throw new Refused(refusal);
    if (!pathname.endsWith('/')) {
      // Its addresses are relative, so that it can be served below any path.
      const last = pathname.slice(pathname.lastIndexOf('/') + 1);
      answer(response, 308, 'text/plain', '', { location: `./${encodeURIComponent(decodeSafely(last))}/` });
      return;
    }
    const { html, policy } = await pageDocument();
    answer(response, 200, 'text/html; charset=utf-8', html, { 'content-security-policy': policy });
  }

  async #change(name: string, request: PlainRequest, guarded: GuardedRequest): Promise<void> {
    const { response } = request;
    if (guarded.method !== 'POST') {
      throw new Refused({ status: 405, code: 'METHOD', message: 'A change is a POST.' });
    }
    const refusal = this.#guard.refuseChange(guarded);
    if (refusal !== undefined) throw new Refused(refusal);
    const done = await this.#actions.run(name, await readBody(request));
    answerJson(response, 200, done);
    this.#streams.refresh();
  }

  #look(name: string, { response }: PlainRequest, guarded: GuardedRequest): void {
    const refusal = this.#guard.refuseRead(guarded);
    if (refusal !== undefined) throw new Refused(refusal);
    if (name === 'state') this.#answerState(response);
    else if (name === 'stream') this.#follow(response);
    else {
      const { status = 200, body } = look(name, this.#mesh, this.#settings, guarded.query);
      answerJson(response, status, body);
    }
  }

  #follow(response: PlainRequest['response']): void {
    if (this.#streams.add(response)) return;
    throw new Refused({ status: 503, code: 'TOO_MANY', message: 'As many follow it as it can serve.' });
  }

  #answerState(response: PlainRequest['response']): void {
    this.#count();
    this.#linger?.cancel();
    this.#linger = this.#mesh.clock.after(LINGER_MS, () => {
      this.#linger = undefined;
      this.#countNoMore();
    });
    answerJson(response, 200, this.#read());
  }

  #read(): Json {
    return this.#reader.read(this.#figures!) as unknown as Json;
  }

  #count(): void {
    this.#figures ??= meshFigures(this.#mesh);
  }

  #countNoMore(): void {
    if (this.#streams.size > 0 || this.#linger !== undefined) return;
    this.#figures?.close();
    this.#figures = undefined;
  }
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
