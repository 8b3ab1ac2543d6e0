import type { Socket } from 'node:net';
import { judgeAfter } from '../../../src/adapter.js';
import type { Clock, Timer } from '../../../src/index.js';
import type { ProxiedAddresses } from '../wire/addresses.js';
import { type ClientHello, readClientHello } from '../wire/client-hello.js';
import { readProxyHeader } from '../wire/proxy-header.js';

/** What a client said before its connection was passed on. */
export interface Preface {
  /** What a trusted proxy says of whose connection it is. */
  readonly addresses: ProxiedAddresses | undefined;
  readonly hello: ClientHello | undefined;
  /** What was read and is the connection's own: the ClientHello with all that followed. */
  readonly rest: Buffer;
}

interface Wants {
  readonly proxyHeader: boolean;
  readonly hello: boolean;
  /** Milliseconds for all of it. */
  readonly timeoutMs: number;
}

/** A ClientHello is not looked for beyond so many bytes. */
const MAX_HELLO = 16_384;

/**
 * Reads the beginning of a paused socket, in whatever pieces it comes, and leaves it paused. `done`
 * is called once, later: with what was said; with nothing where the client left without a word, as
 * health checks do; or with an error where a header that must be there is not, or the time is over.
 * A ClientHello need not be there: what is none, or none within 16 KiB,
 * is passed on as it is, and so is a client that waits for the server to speak.
 */
export class PrefaceReader {
  readonly #socket: Socket;
  readonly #wants: Wants;
  readonly #done: (error: Error | undefined, preface?: Preface) => void;
  readonly #timer: Timer;
  #chunks: Buffer[] = [];
  #have = 0;
  /** Nothing can be told before so many bytes. */
  #need = 1;
  #proxied = false;
  #addresses: ProxiedAddresses | undefined;

  constructor(clock: Clock, socket: Socket, wants: Wants, done: (error: Error | undefined, preface?: Preface) => void) {
    this.#socket = socket;
    this.#wants = wants;
    this.#done = done;
    this.#timer = judgeAfter(clock, wants.timeoutMs, this.#late);
    socket.on('data', this.#read).on('end', this.#ended);
    socket.resume();
  }

  /** The connection is over: `done` is not called. */
  cancel(): void {
    this.#timer.cancel();
    this.#socket.off('data', this.#read).off('end', this.#ended);
    this.#socket.pause();
  }

  readonly #read = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    if (this.#have >= this.#need) this.#look();
  };

  #look(): void {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [bytes];
    let rest = bytes;
    if (this.#wants.proxyHeader && !this.#proxied) {
      const header = readProxyHeader(bytes);
      if (header === 'more') return;
      if (header === undefined) {
        this.#end(new Error('a trusted network sent no PROXY header, or a broken one'));
        return;
      }
      this.#proxied = true;
      this.#addresses = header.addresses;
      rest = bytes.subarray(header.length);
      this.#chunks = [rest];
      this.#have = rest.length;
    }
    if (!this.#wants.hello) {
      this.#end(undefined, undefined, rest);
      return;
    }
    const hello = readClientHello(rest);
    if (typeof hello !== 'number') this.#end(undefined, hello, rest);
    else if (hello > MAX_HELLO) this.#end(undefined, undefined, rest);
    else this.#need = hello;
  }

  /** A client that said nothing of its own may be one of a protocol in which the server begins. */
  readonly #late = (): void => {
    const waits = this.#have === 0 && (this.#proxied || !this.#wants.proxyHeader);
    if (waits) this.#end(undefined, undefined, Buffer.alloc(0));
    else this.#end(new Error(`the client did not finish its beginning within ${this.#wants.timeoutMs} ms`));
  };

  readonly #ended = (): void => {
    if (this.#have > 0) {
      this.#end(new Error('the client ended before its beginning was whole'));
      return;
    }
    this.cancel();
    this.#done(undefined);
  };

  #end(error: Error | undefined, hello?: ClientHello, rest: Buffer = Buffer.alloc(0)): void {
    this.cancel();
    if (error === undefined) this.#done(undefined, { addresses: this.#addresses, hello, rest });
    else this.#done(error);
  }
}
