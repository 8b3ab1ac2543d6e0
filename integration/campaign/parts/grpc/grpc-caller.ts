import grpc from '@grpc/grpc-js';
import type { Mesh } from 'fairlead';
import { registerGrpc, setRoutingKey } from 'fairlead/grpc';
import type { ClientHistory } from '../../history.js';
import { type Caller, type CallSettings, type Leaving, Left } from './caller.js';
import { type Answer, decode, encode, type Request, SERVICE } from './messages.js';
import { NAME } from './world.js';

const read = (bytes: Buffer): Answer => decode(bytes);

export class GrpcCaller implements Caller {
  readonly knowsPastDeadlines = true;
  readonly #history: ClientHistory;
  readonly #registration: ReturnType<typeof registerGrpc>;
  readonly #client: grpc.Client;

  constructor(mesh: Mesh, history: ClientHistory) {
    this.#history = history;
    this.#registration = registerGrpc(mesh, {
      defaults: {
        serviceConfig: {
          methodConfig: [{ name: [{ service: 'test.v1.Echo', method: 'Read' }], idempotent: true, unary: true }],
        },
      },
    });
    this.#client = new grpc.Client(`fairlead:///${NAME}`, grpc.credentials.createInsecure());
  }

  read(request: Request, settings: CallSettings): Promise<Answer> {
    return this.#unary('Read', request, settings);
  }

  write(request: Request, settings: CallSettings): Promise<Answer> {
    return this.#unary('Write', request, settings);
  }

  #unary(method: string, request: Request, settings: CallSettings): Promise<Answer> {
    return this.#history.called<Answer>((done) => {
      const call = this.#client.makeUnaryRequest<Request, Answer>(
        `${SERVICE}/${method}`,
        encode,
        read,
        request,
        metadataOf(settings),
        optionsOf(settings),
        done,
      );
      cancelLater(call, settings);
    });
  }

  gather(requests: readonly Request[], settings: CallSettings): Promise<Answer> {
    return this.#history.called<Answer>((done) => {
      const call = this.#client.makeClientStreamRequest<Request, Answer>(
        `${SERVICE}/Gather`,
        encode,
        read,
        metadataOf(settings),
        optionsOf(settings),
        done,
      );
      cancelLater(call, settings);
      for (const request of requests) call.write(request);
      call.end();
    });
  }

  count(request: Request, settings: CallSettings, leaving: Leaving): Promise<Answer[]> {
    const call = this.#client.makeServerStreamRequest<Request, Answer>(
      `${SERVICE}/Count`,
      encode,
      read,
      request,
      metadataOf(settings),
      optionsOf(settings),
    );
    cancelLater(call, settings);
    return leave(call, leaving);
  }

  chat(requests: readonly Request[], settings: CallSettings, leaving: Leaving): Promise<Answer[]> {
    const call = this.#client.makeBidiStreamRequest<Request, Answer>(
      `${SERVICE}/Chat`,
      encode,
      read,
      metadataOf(settings),
      optionsOf(settings),
    );
    cancelLater(call, settings);
    for (const request of requests) call.write(request);
    call.end();
    return leave(call, leaving);
  }

  async close(): Promise<void> {
    this.#client.close();
    this.#registration.close();
  }
}

function metadataOf({ key }: CallSettings): grpc.Metadata {
  const metadata = new grpc.Metadata();
  if (key !== undefined) setRoutingKey(metadata, key);
  return metadata;
}

const optionsOf = ({ timeoutMs }: CallSettings): grpc.CallOptions => ({ deadline: Date.now() + timeoutMs });

function cancelLater(call: { cancel(): void }, { cancelMs }: CallSettings): void {
  if (cancelMs === 0) call.cancel();
  else if (cancelMs !== undefined) setTimeout(() => call.cancel(), cancelMs);
}

type Answers = grpc.ClientReadableStream<Answer> | grpc.ClientDuplexStream<Request, Answer>;

/** Reads a stream, and leaves it in one of the ways in which programs do. */
async function leave(call: Answers, leaving: Leaving): Promise<Answer[]> {
  const answers: Answer[] = [];
  call.on('error', () => {});
  if (leaving === 'unread') {
    await new Promise((resolve) => call.once('status', resolve));
    return answers;
  }
  try {
    for await (const answer of call as AsyncIterable<Answer>) {
      answers.push(answer);
      if (leaving === 'break') break;
      if (leaving === 'throw') throw new Left();
      if (leaving === 'cancel') call.cancel();
      if (leaving === 'destroy') call.destroy();
    }
  } catch (error) {
    if (leaving === 'read' || answers.length === 0) throw error;
  }
  return answers;
}
