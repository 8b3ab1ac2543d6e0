import { EventEmitter } from 'node:events';
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { PassThrough, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isDeepStrictEqual } from 'node:util';
import { createGunzip } from 'node:zlib';
import Consul from 'consul';
import { forgetAbort, whenAborted } from '../../runtime/abort-audience.js';
import { type Clock, judgeAfter, type Timer } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { showAddress } from './address.js';
import type { Connection, TlsParts } from './connection.js';
import {
  type BodyReader,
  type ConsulRequest,
  type ConsulResponse,
  type ConsulTransport,
  UnansweredError,
} from './transport.js';

/** Beginning of an error's body that is kept for its message; bytes. */
const TEXT_LIMIT = 300;

/** An unread body is abandoned after this much, inflated; bytes. */
const UNREAD_LIMIT = 65_536;

/** A body may take a second more per this many bytes: slower than any line we know. */
const BYTES_PER_SECOND = 65_536;

/** The event loop gets a turn after this much work on one body; milliseconds. */
const SLICE_MS = 4;

/**
 * A dead host is noticed by TCP after this much silence (and Node's ten probes, a second apart);
 * milliseconds.
 */
const TCP_KEEPALIVE_MS = 10_000;

/** What the package's client can do with a request, beyond what its types say. */
interface PackageClient {
  _request(request: Readonly<Record<string, unknown>>): Promise<IncomingMessage>;
}
interface PackageExchange {
  transport: { request(options: RequestOptions): ClientRequest };
}

/**
 * The transport of the `consul` package, through its one-shot request, which all of its methods end
 * in.
 *
 * Its own methods (`health.service()` …) are one level too high for us: they do not send `cached`,
 * `ns` or `peer`, drop the weights of a registration, read no gzip, and parse the whole body in one
 * go, which for 5,000 instances stops the event loop for 100 ms. Two more things are mended through
 * its hooks: a body cut off in the middle never settles its promise, and its errors carry the
 * request with the token, so none of them leaves this file.
 */
export class PackageTransport implements ConsulTransport {
  readonly address: string;
  readonly hasToken: boolean;
  readonly #connection: Connection;
  readonly #clock: Clock;
  #tls: TlsParts;
  #client: PackageClient;
  #agent: http.Agent;

  constructor(connection: Connection, clock: Clock) {
    const { address, tls } = connection;
    this.address = showAddress(address);
    this.hasToken = connection.token !== undefined;
    this.#connection = connection;
    this.#clock = clock;
    this.#tls = tls;
    this.#agent = agentOf(connection, tls);
    this.#client = clientOf(connection, tls, this.#agent);
  }

  async send(request: ConsulRequest): Promise<ConsulResponse> {
    const exchange = new Exchange(request, this.#clock);
    try {
      const response = await exchange.run(this.#client, this.#headers());
      if (response.status === 403) this.#connection.token?.refresh();
      return { ...response, text: this.#redact(response.text) };
    } catch (thrown) {
      const error = this.#describe(request, exchange, thrown);
      if (error instanceof UnansweredError) this.#renewTls();
      throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Certificates that were replaced on disk are those of the next connection. */
  #renewTls(): void {
    let tls: TlsParts | undefined;
    try {
      tls = this.#connection.readTls?.();
    } catch {
      // They are being replaced right now: the next failure reads them again.
    }
    if (tls === undefined || isDeepStrictEqual(tls, this.#tls)) return;
    const before = this.#agent;
    this.#tls = tls;
    this.#agent = agentOf(this.#connection, tls);
    this.#client = clientOf(this.#connection, tls, this.#agent);
    // What is on its way may end.
    (before as http.Agent & { keepAlive: boolean }).keepAlive = false;
    for (const socket of Object.values(before.freeSockets).flat()) socket?.destroy();
  }

  #headers(): Record<string, string> {
    const { token, auth, compress } = this.#connection;
    const headers: Record<string, string> = {};
    if (token !== undefined) headers['x-consul-token'] = token.value();
    if (auth !== undefined) headers.authorization = `Basic ${Buffer.from(auth).toString('base64')}`;
    if (compress) headers['accept-encoding'] = 'gzip';
    return headers;
  }

  /** A new error: the package's own carry the request, and with it the token. */
  #describe(request: ConsulRequest, { answered }: Exchange, thrown: unknown): FairleadError {
    const error = toError(thrown);
    if (error instanceof FairleadError) return error;
    const code = (error as NodeJS.ErrnoException).code;
    // The package repeats the name of the request in front.
    const said = error.message.replace(`consul: ${request.name}: `, '').replace(/^consul: /, '');
    const what = this.#redact(said === '' ? (code ?? 'unknown error') : said) + hintOf(said);
    const Kind = answered ? FairleadError : UnansweredError;
    return new Kind('FAIRLEAD_DISCOVERY', `Consul at ${this.address}, ${request.name}: ${what}.`);
  }

  /** A proxy's error page may repeat the request, headers and all. */
  #redact(text: string): string {
    const { token, auth } = this.#connection;
    const secrets = [token?.value(), auth, auth && Buffer.from(auth).toString('base64')];
    return secrets.reduce<string>((shown, each) => (each ? shown.replaceAll(each, '[secret]') : shown), text);
  }
}

function agentOf({ address }: Connection, tls: TlsParts): http.Agent {
  const options = { keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };
  return address.secure ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
}

function clientOf({ address }: Connection, tls: TlsParts, agent: http.Agent): PackageClient {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const client = new Consul({
    ...tls,
    baseUrl: `${address.secure ? 'https' : 'http'}://${host}:${address.port}${address.prefix}/v1`,
    ...(address.socketPath === undefined ? {} : { socketPath: address.socketPath }),
    agent,
  } as ConstructorParameters<typeof Consul>[0]);
  return client as unknown as PackageClient;
}

/** One request and its answer. */
class Exchange {
  readonly #request: ConsulRequest;
  readonly #clock: Clock;
  /** The package aborts its request when this emits `cancel`. */
  readonly #cancel = new EventEmitter();
  readonly #entry = new PassThrough();
  #response: IncomingMessage | undefined;
  #body: Promise<void> | undefined;
  #text = '';
  #timer: Timer | undefined;
  #failure: Error | undefined;
  /** When the body began, and how much of it has come. */
  #bodyAtMs = 0;
  #bytes = 0;
  /** As much of the body was read as is wanted. */
  #enough = false;

  constructor(request: ConsulRequest, clock: Clock) {
    this.#request = request;
    this.#clock = clock;
  }

  /** Whether the head of an answer has come. */
  get answered(): boolean {
    return this.#response !== undefined;
  }

  async run(client: PackageClient, headers: Record<string, string>): Promise<ConsulResponse> {
    const { method, name, path, params, query, body, signal } = this.#request;
    signal.throwIfAborted();
    const onAbort = (): void => this.#fail(toError(signal.reason));
    whenAborted(signal, onAbort);
    this.#expectProgress();
    try {
      await this.#settle(
        client._request({
          ...{ method, name, path, params, query, body, headers },
          ctx: this.#cancel,
          pipe: this.#entry,
          exts: { onRequest: [this.#guard] },
        }),
      );
    } catch (thrown) {
      this.#entry.destroy();
      throw this.#failure ?? thrown;
    } finally {
      this.#timer?.cancel();
      forgetAbort(signal, onAbort);
    }
    const { statusCode = 0, headers: received } = this.#response!;
    return { status: statusCode, headers: received, text: this.#text };
  }

  /** An answer that is not a success is still an answer, and the body is read to its end. */
  async #settle(sent: Promise<IncomingMessage>): Promise<void> {
    try {
      await sent;
    } catch (thrown) {
      if (this.#response?.complete !== true && !this.#enough) throw thrown;
    }
    await this.#body;
  }

  /** Runs before each request is sent: sees the answer first, and reports one that is cut off. */
  readonly #guard = (exchange: PackageExchange, next: () => void): void => {
    const { transport } = exchange;
    exchange.transport = {
      request: (options) => {
        const sent = transport.request(options);
        sent.on('response', (response: IncomingMessage) => {
          this.#begin(response);
          response.on('close', () => {
            if (!response.complete && !this.#enough)
              sent.emit('error', new Error('the connection closed in the middle of the answer'));
          });
        });
        return sent;
      },
    };
    next();
  };

  #begin(response: IncomingMessage): void {
    this.#response = response;
    this.#bodyAtMs = this.#clock.now();
    this.#expectProgress();
    const reader = response.statusCode === 200 ? this.#request.reader : undefined;
    const sink = new SlicedSink(this.#clock, reader ?? this.#textReader(), (bytes) => {
      this.#bytes += bytes;
      this.#expectProgress();
    });
    this.#body =
      response.headers['content-encoding'] === 'gzip'
        ? pipeline(this.#entry, createGunzip(), sink)
        : pipeline(this.#entry, sink);
    this.#body = this.#body.catch((thrown: unknown) => {
      if (this.#enough) return;
      this.#fail(toError(thrown));
      throw thrown;
    });
    this.#body.catch(() => {});
  }

  #textReader(): BodyReader {
    return {
      write: (chunk) => {
        if (this.#text.length < TEXT_LIMIT) this.#text += chunk.toString('utf8', 0, TEXT_LIMIT);
        if (this.#bytes > UNREAD_LIMIT) this.#leave();
      },
    };
  }

  #expectProgress(): void {
    this.#timer?.cancel();
    const { timeoutMs, bodyTimeoutMs = timeoutMs } = this.#request;
    const arm = (delayMs: number, what: string): void => {
      this.#timer = judgeAfter(this.#clock, delayMs, () => this.#fail(new Error(what)), 'after');
    };
    if (this.#response === undefined) {
      arm(timeoutMs, `no answer within ${timeoutMs} ms`);
      return;
    }
    const allMs = bodyTimeoutMs + (this.#bytes / BYTES_PER_SECOND) * 1_000;
    const leftMs = this.#bodyAtMs + allMs - this.#clock.now();
    if (leftMs < bodyTimeoutMs)
      arm(leftMs, `no whole answer within ${Math.round(allMs)} ms: ${this.#bytes} bytes of it`);
    else arm(bodyTimeoutMs, `no answer within ${bodyTimeoutMs} ms`);
  }

  /** The rest of the body is of no use, and may be endless. */
  #leave(): void {
    if (this.#enough) return;
    this.#enough = true;
    this.#entry.destroy();
    this.#cancel.emit('cancel');
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#timer?.cancel();
    this.#entry.destroy();
    this.#cancel.emit('cancel');
  }
}

/** What to do about an error that says little without knowledge of OpenSSL. */
function hintOf(said: string): string {
  if (/wrong version number|packet length too long|EPROTO/i.test(said)) {
    return '. The agent speaks no TLS on this port: use http://, or its TLS port';
  }
  return '';
}

/** Hands chunks to the reader, and lets the event loop turn when they were much work. */
class SlicedSink extends Writable {
  readonly #clock: Clock;
  readonly #reader: BodyReader;
  readonly #progress: (bytes: number) => void;
  #busyMs = 0;

  constructor(clock: Clock, reader: BodyReader, progress: (bytes: number) => void) {
    super();
    this.#clock = clock;
    this.#reader = reader;
    this.#progress = progress;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const startMs = this.#clock.now();
    this.#progress(chunk.length);
    try {
      this.#reader.write(chunk);
    } catch (thrown) {
      done(toError(thrown));
      return;
    }
    this.#busyMs += this.#clock.now() - startMs;
    if (this.#busyMs < SLICE_MS) {
      done();
      return;
    }
    this.#busyMs = 0;
    this.#clock.awaited(0, done);
  }

  override _final(done: (error?: Error) => void): void {
    try {
      this.#reader.end?.();
      done();
    } catch (thrown) {
      done(toError(thrown));
    }
  }
}
