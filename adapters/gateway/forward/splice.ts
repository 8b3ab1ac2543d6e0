import type { Duplex } from 'node:stream';
import { resetSocket } from '../../../src/adapter.js';
import type { Clock, Timer } from '../../../src/index.js';
import { closeFrame, FrameBoundary } from './websocket-frames.js';

/** One direction. */
class Direction {
  readonly to: Duplex;
  /** Where it carries frames of WebSocket. */
  readonly #frames: FrameBoundary | undefined;
  /** What says goodbye in this direction, once it may. */
  #farewell: Buffer | undefined;
  #said = false;
  #last = true;

  constructor(to: Duplex, frames: boolean) {
    this.to = to;
    this.#frames = frames ? new FrameBoundary() : undefined;
  }

  /** Returns false where it takes no more for now. Behind a farewell nothing is passed on. */
  pass(chunk: Buffer): boolean {
    if (this.#said) return true;
    if (this.#farewell !== undefined && this.#frames !== undefined) {
      const end = this.#frames.end(chunk);
      if (end !== -1) {
        this.to.write(chunk.subarray(0, end));
        this.#say(this.#farewell);
        return true;
      }
    } else this.#frames?.pass(chunk);
    return this.to.write(chunk);
  }

  /**
   * As soon as the frame that is under way is whole. `last`: the connection ends with it; a server
   * is left to end it itself (RFC 6455, 7.1.1).
   */
  farewell(frame: Buffer, last: boolean): void {
    this.#last = last;
    if (this.#frames === undefined) this.to.end();
    else if (this.#frames.between) this.#say(frame);
    else this.#farewell = frame;
  }

  #say(frame: Buffer): void {
    this.#said = true;
    if (this.#last) this.to.end(frame);
    else this.to.write(frame);
  }
}

/** Two connections of which each gets what the other receives. */
export class Splice {
  readonly #ends: readonly [Duplex, Duplex];
  readonly #toClient: Direction;
  readonly #toServer: Direction;
  readonly #clock: Clock;
  readonly #idleMs: number;
  #activeMs: number;
  #timer: Timer | undefined;
  #open = 2;

  /**
   * `idleMs`: the silence after which both are closed; 0 for none. `frames`: they speak WebSocket.
   * `closed`: both are.
   */
  constructor(
    client: Duplex,
    server: Duplex,
    clock: Clock,
    { idleMs, frames }: { readonly idleMs: number; readonly frames: boolean },
    closed: () => void,
  ) {
    this.#ends = [client, server];
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#activeMs = clock.now();
    this.#toClient = new Direction(client, frames);
    this.#toServer = new Direction(server, frames);
    this.#join(client, this.#toServer, closed);
    this.#join(server, this.#toClient, closed);
    if (idleMs > 0) this.#watch(idleMs);
  }

  /** What came behind the heads goes first. */
  begin(fromClient: Buffer, fromServer: Buffer): void {
    if (fromServer.length > 0) this.#toClient.pass(fromServer);
    if (fromClient.length > 0) this.#toServer.pass(fromClient);
  }

  /**
   * Says to both that nothing more comes: to those who speak WebSocket by a close frame with 1001
   * (RFC 6455, 7.4.1), when the frame that is under way is whole; to others by the end. `mask`:
   * four random bytes.
   */
  finish(mask: Uint8Array): void {
    this.#toClient.farewell(closeFrame(), true);
    this.#toServer.farewell(closeFrame(mask), false);
  }

  destroy(): void {
    for (const end of this.#ends) end.destroy();
  }

  #join(from: Duplex, direction: Direction, closed: () => void): void {
    const { to } = direction;
    from.on('data', (chunk: Buffer) => {
      this.#activeMs = this.#idleMs > 0 ? this.#clock.now() : 0;
      if (!direction.pass(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    // What broke here breaks there: a clean end would be a lie.
    from.on('error', () => {
      if (!to.destroyed) resetSocket(to);
    });
    from.on('close', () => {
      if (!to.destroyed && !to.writableEnded) to.end();
      this.#open--;
      if (this.#open > 0) return;
      this.#timer?.cancel();
      closed();
    });
  }

  #watch(afterMs: number): void {
    this.#timer = this.#clock.after(afterMs, () => {
      const leftMs = this.#activeMs + this.#idleMs - this.#clock.now();
      if (leftMs <= 0) this.destroy();
      else this.#watch(leftMs);
    });
  }
}
