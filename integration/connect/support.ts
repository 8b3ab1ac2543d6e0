import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  MethodOptions_IdempotencyLevel,
  type StringValueSchema,
} from '@bufbuild/protobuf/wkt';
import type { Code } from '@connectrpc/connect';
import { ConnectError } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';

type Message = typeof StringValueSchema;
type Unary = { methodKind: 'unary'; input: Message; output: Message };

/**
 * A service without a protocol compiler: its descriptor is written here, its messages are
 * well-known types.
 */
export const Echo = echoDescriptor() as GenService<{
  read: Unary;
  write: Unary;
  count: { methodKind: 'server_streaming'; input: Message; output: Message };
  chat: { methodKind: 'bidi_streaming'; input: Message; output: Message };
}>;

function echoDescriptor(): unknown {
  const message = '.google.protobuf.StringValue';
  const types = { inputType: message, outputType: message };
  const options = { idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS };
  const file = create(FileDescriptorProtoSchema, {
    name: 'echo.proto',
    package: 'test.v1',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto'],
    service: [
      {
        name: 'Echo',
        method: [
          { name: 'Read', ...types, options },
          { name: 'Write', ...types },
          { name: 'Count', ...types, serverStreaming: true, options },
          { name: 'Chat', ...types, serverStreaming: true, clientStreaming: true },
        ],
      },
    ],
  });
  return createFileRegistry(file, () => file_google_protobuf_wrappers).getService('test.v1.Echo');
}

/**
 * A Connect server; it speaks gRPC and Connect over HTTP/2 without TLS. Says its id in every
 * answer.
 */
export class EchoServer {
  readonly id: string;
  port = 0;
  calls = 0;
  /** Streams that are open now. */
  streams = 0;
  /** Fails every call so; undefined answers them. */
  code: Code | undefined;
  readonly sessions: Set<ServerHttp2Session> = new Set();
  readonly #sockets = new Set<Socket>();
  #server: Http2Server | undefined;

  constructor(id: string) {
    this.id = id;
  }

  get endpoint(): { id: string; host: string; port: number } {
    return { id: this.id, host: '127.0.0.1', port: this.port };
  }

  /** Starts it, again on the port it had before. */
  async start(): Promise<this> {
    const answer = (): { value: string } => {
      this.calls++;
      if (this.code !== undefined) throw new ConnectError(`${this.id} was told to`, this.code);
      return { value: this.id };
    };
    const streamed = async function* (this: EchoServer, times: number, signal: AbortSignal) {
      this.streams++;
      try {
        for (let i = 0; i < times && !signal.aborted; i++) {
          yield answer();
          // A turn of the event loop, so that a reader that leaves is heard of.
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        this.streams--;
      }
    }.bind(this);
    const handler = connectNodeAdapter({
      routes: (router) => {
        router.service(Echo, {
          read: answer,
          write: answer,
          count: ({ value }, { signal }) => streamed(Number(value), signal),
          async *chat(requests) {
            for await (const { value } of requests) yield { value: `${answer().value}:${value}` };
          },
        });
      },
    });
    const server = createServer(handler);
    server.on('session', (session) => {
      this.sessions.add(session);
      session.on('close', () => this.sessions.delete(session));
      session.on('error', () => {});
    });
    // http2 refuses `session.socket.destroy()`; the socket itself does not.
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** As if the process were killed: no GOAWAY, every connection just gone. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

export async function startEchoServers(...ids: string[]): Promise<EchoServer[]> {
  return Promise.all(ids.map((id) => new EchoServer(id).start()));
}

/** How many answers came from which server. */
export function tally(answers: readonly { readonly value: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { value } of answers) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** Waits until it holds; fails loudly otherwise. */
export async function until(holds: () => boolean, what: string, withinMs = 5_000): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 5) {
    if (waitedMs > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
