/**
 * A server of the campaign, in a process of its own: `node … server.ts <settings as JSON>`. It
 * writes down each request that reaches it, so that nobody has to believe a client.
 */
import { openSync, writeSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { watchDelays } from '../../delays.js';
import { nowMs } from '../../history.js';
import { decode, encode, type Request, SERVICE } from './messages.js';

interface Settings {
  readonly id: string;
  readonly port: number;
  readonly file: string;
}

type Mood = 'well' | 'unavailable' | 'not-found' | 'slow' | 'hang';

const settings = JSON.parse(process.argv[2]!) as Settings;
const file = openSync(settings.file, 'a');
let mood: Mood = 'well';

const received = (method: string, id: string): void => {
  writeSync(file, `${JSON.stringify({ server: settings.id, method, id })}\n`);
};
/** A stream is over for its server: it has sent all, or nobody reads it any longer. */
const over = (method: string, id: string): void => {
  writeSync(file, `${JSON.stringify({ server: settings.id, method, id, over: nowMs() })}\n`);
};
watchDelays((fromMs, overMs) => {
  writeSync(file, `${JSON.stringify({ server: settings.id, busyMs: [fromMs, overMs] })}\n`);
});
const answer = ({ id, padding }: Request, n: number): object => ({ id, server: settings.id, n, padding });

/** Waits, fails or answers: as the server's mood is, else as the request says. */
function handle(request: Request, done: (code: number | undefined) => void): void {
  if (mood === 'hang') return;
  const code = mood === 'unavailable' ? 14 : mood === 'not-found' ? 5 : request.code;
  setTimeout(() => done(code), request.delayMs + (mood === 'slow' ? 400 : 0));
}

const failure = (code: number): Partial<grpc.StatusObject> => ({ code, details: `told to answer ${code}` });

type Unary = grpc.handleUnaryCall<Request, object>;
const unary =
  (method: string): Unary =>
  ({ request }, callback) => {
    received(method, request.id);
    handle(request, (code) => (code === undefined ? callback(null, answer(request, 0)) : callback(failure(code))));
  };

const count: grpc.handleServerStreamingCall<Request, object> = (call) => {
  const { request } = call;
  received('count', request.id);
  if (request.endless) call.on('cancelled', () => over('count', request.id));
  let n = 0;
  const next = (): void => {
    if (call.cancelled) return;
    if (n === (request.count ?? 0) && !request.endless) return void call.end();
    const more = call.write(answer(request, n++));
    if (!more && request.endless) call.once('drain', next);
    else setTimeout(next, request.everyMs ?? 0);
  };
  handle(request, (code) => (code === undefined ? next() : call.emit('error', failure(code))));
};

const gather: grpc.handleClientStreamingCall<Request, object> = (call, callback) => {
  let seen = 0;
  let first: Request | undefined;
  call.on('data', (request: Request) => {
    if (first === undefined) received('gather', request.id);
    first ??= request;
    seen++;
  });
  call.on('end', () => {
    const request = first ?? { id: 'none', delayMs: 0 };
    handle(request, (code) => (code === undefined ? callback(null, answer(request, seen)) : callback(failure(code))));
  });
};

const chat: grpc.handleBidiStreamingCall<Request, object> = (call) => {
  let n = 0;
  call.on('data', (request: Request) => {
    if (n === 0) received('chat', request.id);
    call.write(answer(request, n++));
  });
  call.on('end', () => call.end());
};

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `${SERVICE}/${name}`,
  requestStream,
  responseStream,
  requestSerialize: encode,
  requestDeserialize: (bytes: Buffer) => decode<Request>(bytes),
  responseSerialize: encode,
  responseDeserialize: (bytes: Buffer) => decode<object>(bytes),
});

const server = new grpc.Server();
server.addService(
  {
    Read: method('Read', false, false),
    Write: method('Write', false, false),
    Count: method('Count', false, true),
    Gather: method('Gather', true, false),
    Chat: method('Chat', true, true),
  },
  { Read: unary('read'), Write: unary('write'), Count: count, Gather: gather, Chat: chat },
);
server.bindAsync(`127.0.0.1:${settings.port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  process.send?.('ready');
});

process.on('message', (message: Mood | 'drain') => {
  if (message === 'drain') server.tryShutdown(() => process.exit(0));
  else mood = message;
});
process.on('disconnect', () => process.exit(0));
