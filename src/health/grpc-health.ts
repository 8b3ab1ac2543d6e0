import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { addressOf } from '../endpoint/endpoint.js';
import { forgetAbort, whenAborted } from '../runtime/abort-audience.js';
import type { CheckTarget } from './active-check.js';
import type { TlsConnect } from './check-tls.js';
import { decodeHealthStatus, encodeHealthRequest, type ServingStatus } from './grpc-health-messages.js';

const OK = 0;
const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

/** The answer is 7 bytes; a server that sends more is asked no further. */
const LONGEST_ANSWER_BYTES = 1_024;

/** The compression flag and four bytes of length before each message. */
const PREFIX_BYTES = 5;

/** One unary call of grpc.health.v1.Health/Check over HTTP/2, without a gRPC library. */
export async function askGrpcHealth(
  target: CheckTarget,
  service: string,
  tls: TlsConnect | undefined,
  signal: AbortSignal,
): Promise<ServingStatus> {
  // Loaded on the first check: programs without any need not pay for the module.
  const { connect } = await import('node:http2');
  const session = connect(`${tls === undefined ? 'http' : 'https'}://${addressOf(target)}`, tls);
  try {
    return await call(session, service, signal);
  } finally {
    session.destroy();
  }
}

function call(session: ClientHttp2Session, service: string, signal: AbortSignal): Promise<ServingStatus> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    if (signal.aborted) giveUp();
    else whenAborted(signal, giveUp);
    session.on('close', () => forgetAbort(signal, giveUp));
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let received = 0;
    let headers: IncomingHttpHeaders = {};
    // An answer without a message has its status in the headers, any other in the trailers.
    stream.on('response', (each) => {
      headers = { ...headers, ...each };
    });
    stream.on('trailers', (each) => {
      headers = { ...headers, ...each };
    });
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > LONGEST_ANSWER_BYTES) reject(new Error('the server answers the health check with too much'));
      else chunks.push(chunk);
    });
    stream.on('error', reject);
    stream.on('close', () => {
      try {
        resolve(readAnswer(headers, Buffer.concat(chunks)));
      } catch (thrown) {
        reject(thrown);
      }
    });
    stream.end(request(service));
  });
}

function request(service: string): Buffer {
  const message = encodeHealthRequest(service);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function readAnswer(headers: IncomingHttpHeaders, body: Buffer): ServingStatus {
  const status = Number(headers['grpc-status'] ?? Number.NaN);
  if (status === NOT_FOUND) return 'SERVICE_UNKNOWN';
  if (status === UNIMPLEMENTED) return 'UNIMPLEMENTED';
  if (status !== OK) {
    const told = Number.isNaN(status) ? `HTTP status ${headers[':status'] ?? 'none'}` : `gRPC status ${status}`;
    throw new Error(`the server answered the health check with ${told}`);
  }
  const name = decodeHealthStatus(body.subarray(PREFIX_BYTES));
  if (name === undefined) throw new Error('the server answered the health check with something else');
  return name;
}
