import type { CallerContext } from '../../../src/adapter.js';
import type { StreamListener } from './connection-with.js';

type Told<Name extends keyof StreamListener> = Parameters<StreamListener[Name]>[0];

/**
 * What grpc-js listens with to an attempt; its end comes in the context of the caller. Node 20
 * emits the end of an HTTP/2 stream in the context of its session, which is that of the call that
 * made the connection; everything else comes in the context that the stream was opened in.
 */
export class StatusInContext implements StreamListener {
  readonly #listener: StreamListener;
  readonly #caller: CallerContext;

  constructor(listener: StreamListener, caller: CallerContext) {
    this.#listener = listener;
    this.#caller = caller;
  }

  onReceiveMetadata(metadata: Told<'onReceiveMetadata'>): void {
    this.#listener.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: Told<'onReceiveMessage'>): void {
    this.#listener.onReceiveMessage(message);
  }

  onReceiveStatus(ended: Told<'onReceiveStatus'>): void {
    this.#caller.run(this.#listener.onReceiveStatus, this.#listener, ended);
  }
}
