import { type AdminState, applyPatch, type Json } from '../adapters/admin/index.js';
import { type Io, UsageError } from './command.js';

/**
 * Asks the page of a process. The token is of FAIRLEAD_ADMIN_TOKEN: arguments are seen by others.
 */
export async function ask<T>(admin: string, path: string, io: Io): Promise<T> {
  const response = await open(admin, path, io);
  const body = (await response.json()) as T & { readonly error?: { readonly message: string } };
  if (!response.ok) throw new UsageError(body.error?.message ?? `${admin} answered ${response.status}.`);
  return body;
}

export function statesOf(admin: string, io: Io): Promise<AdminState> {
  return ask<AdminState>(admin, 'api/state', io);
}

/** The state at every update, until the user ends it. */
export async function* follow(admin: string, io: Io): AsyncGenerator<AdminState> {
  const response = await open(admin, 'api/stream', io);
  if (!response.ok) throw new UsageError(`${admin} answered ${response.status}.`);
  let state: Json | undefined;
  let text = '';
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n')) {
        const message = text.slice(0, at);
        text = text.slice(at + 2);
        const data = JSON.parse(message.slice(message.indexOf('\ndata: ') + 7)) as Json;
        state = applyPatch(message.startsWith('event: state') ? undefined : state, data);
        yield state as unknown as AdminState;
      }
    }
  } catch (thrown) {
    if (!io.signal.aborted) throw thrown;
  }
}

async function open(admin: string, path: string, io: Io): Promise<Response> {
  if (!/^https?:$/.test(URL.canParse(admin) ? new URL(admin).protocol : ''))
    throw new UsageError(`--admin is '${admin}': allowed is an address such as http://127.0.0.1:9901.`);
  const token = io.env.FAIRLEAD_ADMIN_TOKEN;
  const headers = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  try {
    return await fetch(new URL(path, admin.endsWith('/') ? admin : `${admin}/`), { headers, signal: io.signal });
  } catch (thrown) {
    const { cause } = thrown as { readonly cause?: { readonly code?: string } };
    throw Object.assign(new Error(`${admin} does not answer${cause?.code === undefined ? '' : ` (${cause.code})`}.`), {
      code: 'UNREACHABLE',
    });
  }
}
