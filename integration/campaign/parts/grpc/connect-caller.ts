import { createClient, createContextValues, type CallOptions as Options } from '@connectrpc/connect';
import type { Mesh } from 'fairlead';
import { createFairleadTransport, routingKey } from 'fairlead/connect';
import { Echo } from '../../../connect/support.js';
import { type Caller, type CallSettings, ENDLESS_MS, type Leaving, Left } from './caller.js';
import type { Answer, Request } from './messages.js';
import { NAME } from './world.js';

const value = (request: Request): { value: string } => ({ value: JSON.stringify(request) });
const answerOf = (message: { value: string }): Answer => JSON.parse(message.value) as Answer;

export class ConnectCaller implements Caller {
  readonly knowsPastDeadlines = false;
  readonly #transport: ReturnType<typeof createFairleadTransport>;
  readonly #client: ReturnType<typeof createClient<typeof Echo>>;

  constructor(mesh: Mesh) {
    this.#transport = createFairleadTransport(mesh, { service: NAME });
    this.#client = createClient(Echo, this.#transport);
  }

  async read(request: Request, settings: CallSettings): Promise<Answer> {
    return answerOf(await this.#client.read(value(request), optionsOf(settings).options));
  }

  async write(request: Request, settings: CallSettings): Promise<Answer> {
    return answerOf(await this.#client.write(value(request), optionsOf(settings).options));
  }

  count(request: Request, settings: CallSettings, leaving: Leaving): Promise<Answer[]> {
    const { options, abort } = optionsOf(settings);
    if (settings.timeoutMs < ENDLESS_MS) return leave(this.#client.count(value(request), options), leaving, abort);
    // Connect keeps the timer of a stream that is left until its deadline: the process would not end.
    const { timeoutMs, ...rest } = options;
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    return leave(this.#client.count(value(request), rest), leaving, abort).finally(() => clearTimeout(timer));
  }

  chat(requests: readonly Request[], settings: CallSettings, leaving: Leaving): Promise<Answer[]> {
    const { options, abort } = optionsOf(settings);
    const all = async function* (): AsyncGenerator<{ value: string }> {
      for (const request of requests) yield value(request);
    };
    return leave(this.#client.chat(all(), options), leaving, abort);
  }

  async close(): Promise<void> {
    this.#transport.close();
  }
}

function optionsOf({ timeoutMs, key, cancelMs }: CallSettings): { options: Options; abort: AbortController } {
  const abort = new AbortController();
  if (cancelMs === 0) abort.abort();
  else if (cancelMs !== undefined) setTimeout(() => abort.abort(), cancelMs);
  const contextValues = createContextValues();
  if (key !== undefined) contextValues.set(routingKey, key);
  return { options: { timeoutMs, signal: abort.signal, contextValues }, abort };
}

/** Who leaves a stream of Connect early aborts its signal, as docs/connect.md says. */
async function leave(
  stream: AsyncIterable<{ value: string }>,
  leaving: Leaving,
  abort: AbortController,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  try {
    for await (const message of stream) {
      answers.push(answerOf(message));
      if (leaving === 'break' || leaving === 'destroy' || leaving === 'unread') break;
      if (leaving === 'throw') throw new Left();
      if (leaving === 'cancel') abort.abort();
    }
  } catch (error) {
    if (leaving === 'read' || answers.length === 0) throw error;
  } finally {
    if (leaving !== 'read') abort.abort();
  }
  return answers;
}
