import { request } from 'node:http';
import type { Mesh } from 'fairlead';
import { type Admin, type AdminOptions, type AdminState, applyPatch, createAdmin, type Json } from 'fairlead/admin';

export const TOKEN = 'a-token-of-the-tests';

export interface Asked {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** By node:http, which sends any Host and Origin that it is told to. */
export function ask(
  port: number,
  path: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: unknown } = {},
): Promise<Asked> {
  const { method = 'GET', headers = {}, body } = options;
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const message = request(
      { host: '127.0.0.1', port, path, method, agent: false, headers: { ...json, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { statusCode = 0, headers: answered } = response;
          resolve({ status: statusCode, headers: answered, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    message.on('error', reject);
    message.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export function post(port: number, name: string, body: unknown, headers: Record<string, string> = {}): Promise<Asked> {
  return ask(port, `/api/${name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    body,
  });
}

export async function startAdmin(
  mesh: Mesh,
  options: AdminOptions = { token: TOKEN },
): Promise<{ readonly admin: Admin; readonly port: number }> {
  const admin = createAdmin(mesh, options);
  return { admin, port: await admin.listen() };
}

export async function stateAt(port: number): Promise<AdminState> {
  return JSON.parse((await ask(port, '/api/state')).body) as AdminState;
}

/** Follows the stream; `state` is what it makes of it. */
export class Follower {
  state: AdminState | undefined;
  events = 0;
  bytes = 0;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;

  constructor(port: number) {
    this.#running = this.#read(port).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #read(port: number): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${port}/api/stream`, { signal: this.#abort.signal });
    let text = '';
    for await (const chunk of response.body!) {
      this.bytes += chunk.length;
      text += Buffer.from(chunk).toString('utf8');
      for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n')) {
        const [kind, data] = text.slice(0, at).split('\n');
        text = text.slice(at + 2);
        const value = JSON.parse(data!.slice('data: '.length)) as Json;
        const before = kind === 'event: state' ? undefined : (this.state as unknown as Json);
        this.state = applyPatch(before, value) as unknown as AdminState;
        this.events++;
      }
    }
  }
}
