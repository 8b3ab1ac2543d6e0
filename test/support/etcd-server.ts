import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { type Metadata, type MethodDefinition, Server, ServerCredentials, type ServiceError } from '@grpc/grpc-js';

type Stream = ServerDuplexStream<Buffer, Buffer>;

/** What a member was asked, in order. */
export interface SeenCall {
  readonly method: string;
  readonly request: Buffer;
  readonly metadata: Metadata;
  /** The other end of the connection that it came over. */
  readonly peer: string;
}

/** Bytes, a status that says no, or nothing at all. */
export type Answer = Uint8Array | { readonly code: number; readonly details: string } | 'silence';

const asIs = (bytes: Buffer): Buffer => bytes;
const METHODS = {
  KV: { Range: false, Put: false },
  Lease: { LeaseGrant: false, LeaseKeepAlive: true, LeaseRevoke: false },
  Watch: { Watch: true },
  Auth: { Authenticate: false },
} as const;

/** A member of etcd on loopback, as far as the wire: what it answers, a test says. */
export class EtcdServer {
  readonly seen: SeenCall[] = [];
  readonly streams: Stream[] = [];
  /** The answer to a call; `undefined` for a stream is none yet. */
  answer: (call: SeenCall) => Answer | undefined = () => 'silence';
  readonly #server = new Server();
  address = '';

  static async start(answer: EtcdServer['answer']): Promise<EtcdServer> {
    const etcd = new EtcdServer();
    etcd.answer = answer;
    for (const [service, methods] of Object.entries(METHODS)) etcd.#serve(service, methods);
    const port = await new Promise<number>((resolve, reject) =>
      etcd.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    etcd.address = `127.0.0.1:${port}`;
    return etcd;
  }

  get methods(): readonly string[] {
    return this.seen.map(({ method }) => method);
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #serve(service: string, methods: Readonly<Record<string, boolean>>): void {
    const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
    const handlers: Record<string, (call: never, done: never) => void> = {};
    for (const [method, streams] of Object.entries(methods)) {
      definition[method] = {
        path: `/etcdserverpb.${service}/${method}`,
        requestStream: streams,
        responseStream: streams,
        ...{ requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs },
      };
      handlers[method] = streams
        ? (call: Stream) => this.#stream(`${service}/${method}`, call)
        : (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
            const seen = {
              method: `${service}/${method}`,
              request: call.request,
              metadata: call.metadata,
              peer: call.getPeer(),
            };
            this.seen.push(seen);
            const answer = this.answer(seen);
            if (answer instanceof Uint8Array) done(null, Buffer.from(answer));
            else if (typeof answer === 'object') done(answer as ServiceError);
          };
    }
    this.#server.addService(definition, handlers as never);
  }

  #stream(method: string, stream: Stream): void {
    this.streams.push(stream);
    // A client that cancels is no failure of a test.
    stream.on('error', () => {});
    stream.on('data', (request: Buffer) => {
      const seen = { method, request, metadata: stream.metadata, peer: stream.getPeer() };
      this.seen.push(seen);
      const answer = this.answer(seen);
      if (answer instanceof Uint8Array) stream.write(Buffer.from(answer));
      else if (typeof answer === 'object') stream.emit('error', answer);
    });
  }
}
