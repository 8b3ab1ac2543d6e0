import type { AdminState } from '../state/admin-state.js';
import { applyPatch, type Json } from '../state/merge-patch.js';

export type Connection = 'connecting' | 'live' | 'lost' | 'locked';

/** Kept for this tab alone, and never in an address. */
const KEY = 'fairlead.token';
const AGAIN_MS = 2_000;

/** The stream from the process, the token, and what is sent with it. */
export class Session {
  state: AdminState | undefined;
  connection: Connection = 'connecting';
  /** Ours minus the process's clock. */
  skewMs = 0;
  readonly #changed: () => void;
  #abort = new AbortController();

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get token(): string {
    return sessionStorage.getItem(KEY) ?? '';
  }

  set token(token: string) {
    if (token === '') sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
    this.#abort.abort();
  }

  /** As the process's clock tells it. */
  get nowMs(): number {
    return Date.now() - this.skewMs;
  }

  async run(): Promise<never> {
    for (;;) {
      this.#abort = new AbortController();
      const { signal } = this.#abort;
      await this.#follow(signal).catch(() => undefined);
      // There is another token: it is asked with that.
      if (signal.aborted) continue;
      if (this.connection === 'live') this.#become('lost');
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  async get<T>(path: string): Promise<T> {
    return this.#answer<T>(await fetch(`api/${path}`, { headers: this.#headers() }));
  }

  async post<T>(name: string, body: object): Promise<T> {
    const headers = { ...this.#headers(), 'content-type': 'application/json' };
    return this.#answer<T>(await fetch(`api/${name}`, { method: 'POST', headers, body: JSON.stringify(body) }));
  }

  #headers(): Record<string, string> {
    return this.token === '' ? {} : { authorization: `Bearer ${this.token}` };
  }

  async #answer<T>(response: Response): Promise<T> {
    const body = (await response.json()) as T & { readonly error?: { readonly message: string } };
    if (response.status === 401) this.#forget();
    if (!response.ok) throw new Error(body.error?.message ?? `The process answered ${response.status}.`);
    return body;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const response = await fetch('api/stream', { headers: this.#headers(), signal });
    if (response.status === 401) {
      this.#forget();
      return this.#become('locked');
    }
    if (!response.ok) return this.#become('lost');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n')) {
        this.#take(text.slice(0, at));
        text = text.slice(at + 2);
      }
    }
  }

  /** What was refused is not sent again: the next change asks for the token. */
  #forget(): void {
    sessionStorage.removeItem(KEY);
  }

  #take(message: string): void {
    const data = JSON.parse(message.slice(message.indexOf('\ndata: ') + 7)) as Json;
    const before = message.startsWith('event: state') ? undefined : (this.state as unknown as Json);
    this.state = applyPatch(before, data) as unknown as AdminState;
    this.skewMs = Date.now() - this.state.atMs;
    this.#become('live');
  }

  #become(connection: Connection): void {
    this.connection = connection;
    this.#changed();
  }
}
