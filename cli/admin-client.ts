import { type AdminState, applyPatch, type Json } from '../adapters/admin/index.js';
import { type Io, UsageError } from './command.js';

/**
 * Asks the page of a process. The token is of FAIRLEAD_ADMIN_TOKEN: arguments are seen by others.
 */
export async function ask<T>(admin: string, path: string, io: Io): Promise<T> {
  const response = await open(admin, path, io);
  try {
    return (await response.json()) as T;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw noPage(admin);
    throw unreachable(`${admin} ended in the midst of its answer.`);
  }
}

function noPage(admin: string): UsageError {
  return new UsageError(`${admin} answers, but not as the page of a process does.`);
}

function unreachable(message: string): Error {
  return Object.assign(new Error(message), { code: 'UNREACHABLE' });
}

/** What an answer that is not 2xx means: it was asked wrongly, it is closing, or it failed. */
async function refusalOf(admin: string, response: Response): Promise<Error> {
  const { status } = response;
  const { error } = (await response.json().catch(() => ({}))) as {
    readonly error?: { readonly code: string; readonly message: string };
  };
  const message = error?.message ?? `${admin} answered ${status}.`;
  if (status === 503 && error?.code === 'FAIRLEAD_CLOSED') return unreachable(`${admin} is closed.`);
  return status < 500 ? new UsageError(message) : new Error(message);
}

export function statesOf(admin: string, io: Io): Promise<AdminState> {
  return ask<AdminState>(admin, 'api/state', io);
}

/** The state at every update, until the user ends it. */
export async function* follow(admin: string, io: Io): AsyncGenerator<AdminState> {
  const response = await open(admin, 'api/stream', io);
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
    if (thrown instanceof SyntaxError) throw noPage(admin);
    // The user ended it; or the process is gone, as if it had ended its answer.
  }
}

async function open(admin: string, path: string, io: Io): Promise<Response> {
  if (!/^https?:$/.test(URL.canParse(admin) ? new URL(admin).protocol : ''))
    throw new UsageError(`--admin is '${admin}': allowed is an address such as http://127.0.0.1:9901.`);
  const token = io.env.FAIRLEAD_ADMIN_TOKEN;
  const headers = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await fetch(new URL(path, admin.endsWith('/') ? admin : `${admin}/`), { headers, signal: io.signal });
  } catch (thrown) {
    const { cause } = thrown as { readonly cause?: { readonly code?: string } };
    throw unreachable(`${admin} does not answer${cause?.code === undefined ? '' : ` (${cause.code})`}.`);
  }
  if (!response.ok) throw await refusalOf(admin, response);
  return response;
}
