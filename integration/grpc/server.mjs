// One gRPC server in a process of its own, told by its parent what to be. Messages are JSON in
// plain bytes, so that no generated code stands between a test and what it tests.
//
// Arguments, as one JSON object: { id, port = 0, tls, delayMs = 0, code = 0, health, streams, load
// }; `health` is the status that the standard health service tells (1: serving, 2: not); without it
// there is no such service. `streams` is how many calls a connection may have at once. `load` is
// [requests a second, utilization], reported with every answer; `oob` the same, reported apart from
// calls by grpc-js's own implementation.
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';

const settings = { port: 0, delayMs: 0, code: 0, ...JSON.parse(process.argv[2] ?? '{}') };
let calls = 0;
/** Server streams whose client is still there. */
const streams = new Set();
const peers = new Set();

const json = {
  requestSerialize: (value) => Buffer.from(JSON.stringify(value)),
  requestDeserialize: (bytes) => JSON.parse(bytes.toString() || '{}'),
  responseSerialize: (value) => Buffer.from(JSON.stringify(value)),
  responseDeserialize: (bytes) => JSON.parse(bytes.toString()),
};
const method = (name, requestStream, responseStream) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  ...json,
});

const answer = (call) => ({
  id: settings.id,
  pid: process.pid,
  attempt: Number(call.metadata.get('grpc-previous-rpc-attempts')[0] ?? 0),
  authority: call.getHost(),
  traceparent: call.metadata.get('traceparent')[0],
});
/**
 * An OrcaLoadReport: field 6, requests a second, and field 9, utilization of the application, both
 * doubles.
 */
const trailers = () => {
  const metadata = new grpc.Metadata();
  if (settings.load === undefined) return metadata;
  const report = Buffer.alloc(18);
  report[0] = (6 << 3) | 1;
  report.writeDoubleLE(settings.load[0], 1);
  report[9] = (9 << 3) | 1;
  report.writeDoubleLE(settings.load[1], 10);
  metadata.set('endpoint-load-metrics-bin', report);
  return metadata;
};
const failure = (code) => ({ code, details: `told to answer ${code}` });

/** Waits, fails or answers: as the request says, else as the server is set. */
const handle = (call, request, done) => {
  calls++;
  peers.add(call.getPeer());
  const { delayMs = settings.delayMs, code = settings.code } = request;
  setTimeout(() => (code === 0 ? done(null, answer(call), trailers()) : done(failure(code))), delayMs);
};

const implementation = {
  Unary: (call, callback) => handle(call, call.request, callback),
  /** `count` messages, `everyMs` apart. */
  Server: (call) => {
    calls++;
    const { count = 3, everyMs = 0 } = call.request;
    let sent = 0;
    streams.add(call);
    call.on('cancelled', () => streams.delete(call));
    const send = () => {
      if (!streams.has(call)) return;
      if (sent === count) {
        streams.delete(call);
        return call.end();
      }
      call.write({ ...answer(call), n: sent++ });
      setTimeout(send, everyMs);
    };
    send();
  },
  /** One message; the status as the server is set: never, or not before it dies. */
  Half: (call) => {
    calls++;
    call.write(answer(call));
    if (settings.breaksOff === 'hang') return;
    if (settings.breaksOff === 'die') setTimeout(() => process.exit(1), 20);
    else call.end();
  },
  Client: (call, callback) => {
    let count = 0;
    call.on('data', () => count++);
    call.on('end', () => handle(call, {}, (error, value) => callback(error, { ...value, count })));
  },
  Bidi: (call) => {
    calls++;
    call.on('data', (message) => call.write({ ...answer(call), echo: message }));
    call.on('end', () => call.end());
  },
};

const server = new grpc.Server(
  settings.streams === undefined ? {} : { 'grpc.max_concurrent_streams': settings.streams },
);
server.addService(
  {
    Unary: method('Unary', false, false),
    Server: method('Server', false, true),
    Half: method('Half', false, true),
    Client: method('Client', true, false),
    Bidi: method('Bidi', true, true),
  },
  implementation,
);

if (settings.oob !== undefined) {
  const recorder = new grpc.ServerMetricRecorder();
  recorder.setQpsMetric(settings.oob[0]);
  recorder.setApplicationUtilizationMetric(settings.oob[1]);
  recorder.addToServer(server);
}

const watchers = new Set();
const healthStatus = () => Buffer.from([0x08, settings.health]);
const asked = [];
if (settings.health !== undefined) {
  const same = (bytes) => bytes;
  server.addService(
    {
      Watch: {
        path: '/grpc.health.v1.Health/Watch',
        requestStream: false,
        responseStream: true,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    {
      Watch: (call) => {
        asked.push(call.request.toString('latin1'));
        watchers.add(call);
        call.on('cancelled', () => watchers.delete(call));
        call.write(healthStatus());
        if (settings.endWatch) setTimeout(() => call.end(), 20);
      },
    },
  );
}

const credentials = settings.tls
  ? grpc.ServerCredentials.createSsl(null, [
      { private_key: readFileSync(settings.tls.key), cert_chain: readFileSync(settings.tls.cert) },
    ])
  : grpc.ServerCredentials.createInsecure();

server.bindAsync(`127.0.0.1:${settings.port}`, credentials, (error, port) => {
  if (error) throw error;
  process.send?.({ port });
});

process.on('message', (message) => {
  if (message === 'calls')
    process.send({ calls, asked, watchers: watchers.size, connections: peers.size, streams: streams.size });
  else if (message === 'drain') server.tryShutdown(() => process.exit(0));
  else {
    Object.assign(settings, message);
    if (message.health !== undefined) for (const call of watchers) call.write(healthStatus());
  }
});
process.on('disconnect', () => process.exit(0));
