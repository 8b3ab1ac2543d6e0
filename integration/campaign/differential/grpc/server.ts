import grpc, {
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';

/** What a caller asks the server to do with its call; JSON in plain bytes. */
export interface Order {
  /** Messages of a stream, this long each. */
  readonly count?: number;
  readonly bytes?: number;
  readonly code?: number;
  readonly details?: string;
  /** Headers before the first message, else with it. */
  readonly headers?: boolean;
  readonly trailers?: boolean;
  /** Never answers; ends with the call. */
  readonly silent?: boolean;
  /** Throws within the handler. */
  readonly throws?: boolean;
  /** Ends after so many requests, without reading the rest. */
  readonly endsAfter?: number;
}

const serialize = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const deserialize = (bytes: Buffer): Order => JSON.parse(bytes.toString() || '{}') as Order;
type Serialize = (value: unknown) => Buffer;
type Deserialize = (bytes: Buffer) => Order;
export const codec: {
  readonly requestSerialize: Serialize;
  readonly requestDeserialize: Deserialize;
  readonly responseSerialize: Serialize;
  readonly responseDeserialize: Deserialize;
} = {
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
};

const method = (name: string, requestStream: boolean, responseStream: boolean): object => ({
  path: `/diff.Any/${name}`,
  requestStream,
  responseStream,
  ...codec,
});

const metadata = (entries: Record<string, string>): grpc.Metadata => {
  const made = new grpc.Metadata();
  for (const [key, value] of Object.entries(entries)) made.add(key, value);
  return made;
};
const TRAILERS = { 'x-trailer': 'last', 'x-two': 'a' };

/** The headers of the caller that are its own. Known difference: those of an earlier call are taken out. */
const asked = (call: { metadata: grpc.Metadata }): unknown =>
  Object.fromEntries(Object.entries(call.metadata.toJSON()).filter(([key]) => key.startsWith('x-')));

const trailersOf = ({ trailers }: Order): grpc.Metadata => metadata(trailers ? TRAILERS : {});
const failureOf = (order: Order): Partial<grpc.StatusObject> => ({
  code: order.code!,
  details: order.details ?? 'as asked for',
  metadata: trailersOf(order),
});
const answer = (call: { metadata: grpc.Metadata }, order: Order, n = 0): object => ({
  n,
  asked: asked(call),
  text: 'x'.repeat(order.bytes ?? 1),
});

function unary(call: ServerUnaryCall<Order, object>, done: grpc.sendUnaryData<object>): void {
  const order = call.request;
  if (order.throws) throw new Error('a mistake of the server');
  if (order.headers) call.sendMetadata(metadata({ 'x-header': 'first' }));
  if (order.silent) return;
  if (order.code) done(failureOf(order) as grpc.ServiceError);
  else done(null, answer(call, order), trailersOf(order));
}

function server(call: ServerWritableStream<Order, object>): void {
  const order = call.request;
  if (order.headers) call.sendMetadata(metadata({ 'x-header': 'first' }));
  for (let n = 0; n < (order.count ?? 2); n++) call.write(answer(call, order, n));
  if (order.silent) return;
  if (order.code) call.emit('error', failureOf(order));
  else call.end(trailersOf(order));
}

function client(call: ServerReadableStream<Order, object>, done: grpc.sendUnaryData<object>): void {
  let last: Order = {};
  let count = 0;
  let over = false;
  const end = (): void => {
    if (over || last.silent) return;
    over = true;
    if (last.code) done(failureOf(last) as grpc.ServiceError);
    else done(null, { ...answer(call, last), count }, trailersOf(last));
  };
  call.on('data', (order: Order) => {
    last = order;
    count++;
    if (order.headers && count === 1) call.sendMetadata(metadata({ 'x-header': 'first' }));
    if (count === order.endsAfter) end();
  });
  call.on('end', end);
}

function bidi(call: ServerDuplexStream<Order, object>): void {
  let last: Order = {};
  let count = 0;
  let over = false;
  call.on('data', (order: Order) => {
    last = order;
    count++;
    if (order.headers && count === 1) call.sendMetadata(metadata({ 'x-header': 'first' }));
    for (let n = 0; n < (order.count ?? 1); n++) call.write(answer(call, order, n));
    if (count !== order.endsAfter) return;
    over = true;
    call.end(trailersOf(order));
  });
  call.on('end', () => {
    // One that was to end after more requests than there were ends now: left open it would hang.
    if (over || last.silent) return;
    if (last.code) call.emit('error', failureOf(last));
    else call.end(trailersOf(last));
  });
}

/** A server in this process, on a free port. */
export async function startGrpcServer(): Promise<{ readonly port: number; stop(): void }> {
  const made = new grpc.Server();
  const service = {
    Unary: method('Unary', false, false),
    Server: method('Server', false, true),
    Client: method('Client', true, false),
    Bidi: method('Bidi', true, true),
  };
  made.addService(service as never, { Unary: unary, Server: server, Client: client, Bidi: bidi } as never);
  const port = await new Promise<number>((resolve, reject) =>
    made.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { port, stop: () => made.forceShutdown() };
}
