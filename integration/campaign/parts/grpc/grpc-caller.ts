import grpc from '@grpc/grpc-js';
import type { Mesh } from 'fairlead';
import { registerGrpc, setRoutingKey } from 'fairlead/grpc';
import type { ClientHistory } from '../../history.js';
import { type Caller, type CallSettings, type Leaving, Left } from './caller.js';
import { type Answer, decode, encode, type Request, SERVICE } from './messages.js';
import { NAME } from './world.js';

const READ = [{ service: 'test.v1.Echo', method: 'Read' }];

const read = (bytes: Buffer): Answer => decode(bytes);

export class GrpcCaller implements Caller {
  readonly knowsPastDeadlines = true;
  readonly #history: ClientHistory;
  readonly #client: grpc.Client;
  readonly #end: () => void;

  private constructor(history: ClientHistory, client: grpc.Client, end: () => void) {
    this.#history = history;
    this.#client = client;
    this.#end = end;
  }

  static over(mesh: Mesh, history: ClientHistory): GrpcCaller {
    const methodConfig = [{ name: READ, idempotent: true, unary: true }];
    const registration = registerGrpc(mesh, { defaults: { serviceConfig: { methodConfig } } });
    const client = new grpc.Client(`fairlead:///${NAME}`, grpc.credentials.createInsecure());
    return new GrpcCaller(history, client, () => registration.close());
  }

  /** To compare with: grpc-js by itself, as well as it can be set up, over a fixed list. */
  static plain(ports: readonly number[], history: ClientHistory): GrpcCaller {
    const retryPolicy = {
      maxAttempts: 4,
      initialBackoff: '0.05s',
      maxBackoff: '0.5s',
      backoffMultiplier: 2,
      retryableStatusCodes: ['UNAVAILABLE'],
    };
    const config = { loadBalancingConfig: [{ round_robin: {} }], methodConfig: [{ name: READ, retryPolicy }] };
    const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
    const options = { 'grpc.service_config': JSON.stringify(config) };
    const client = new grpc.Client(target, grpc.credentials.createInsecure(), options);
    return new GrpcCaller(history, client, () => {});
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
    this.#end();
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
