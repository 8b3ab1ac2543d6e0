import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../../src/index.js';
import { type Json, patchOf } from '../state/merge-patch.js';
import { beginEvents } from './answers.js';

/** More readers than this are refused: each gets every update. */
const MAX_STREAMS = 32;

/** A reader that has so much more before it than a whole state is dropped: it begins anew. */
const MAX_BEHIND = 256 * 1_024;

export interface LiveSource {
  /** Called when the first reader comes: figures are counted from now on. */
  open(): void;
  read(): Json;
  /** Called when the last one left. */
  close(): void;
}

/**
 * Server-sent events: a whole `state` first, then a `patch` at every beat (RFC 7396). All readers
 * get the same patches, which are worked out once. Without readers there is no timer.
 */
export class LiveStreams {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #source: LiveSource;
  readonly #readers = new Set<ServerResponse>();
  #state: Json | undefined;
  #whole = '';
  #timer: Timer | undefined;

  constructor(clock: Clock, everyMs: number, source: LiveSource) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#source = source;
  }

  get size(): number {
    return this.#readers.size;
  }

  /** False where there are too many. */
  add(response: ServerResponse): boolean {
    if (this.#readers.size >= MAX_STREAMS) return false;
    if (this.#readers.size === 0) {
      this.#source.open();
      this.#state = this.#source.read();
      this.#arm();
    }
    this.#readers.add(response);
    response.on('close', () => this.#remove(response));
    response.on('error', () => this.#remove(response));
    beginEvents(response);
    this.#whole = `event: state\ndata: ${JSON.stringify(this.#state)}\n\n`;
    response.write(this.#whole);
    return true;
  }

  /** Tells at once what changed, for those who changed it. */
  refresh(): void {
    if (this.#readers.size > 0) this.#tell();
  }

  close(): void {
    for (const reader of this.#readers) reader.end();
    for (const reader of [...this.#readers]) this.#remove(reader);
  }

  #arm(): void {
    this.#timer = this.#clock.after(this.#everyMs, () => {
      this.#arm();
      this.#tell();
    });
  }

  #tell(): void {
    const state = this.#source.read();
    const patch = patchOf(this.#state!, state);
    this.#state = state;
    const event = `event: patch\ndata: ${JSON.stringify(patch ?? {})}\n\n`;
    for (const reader of [...this.#readers]) {
      if (reader.writableLength > this.#whole.length + MAX_BEHIND) reader.destroy();
      else reader.write(event);
    }
  }

  #remove(reader: ServerResponse): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#state = undefined;
    this.#whole = '';
    this.#source.close();
  }
}
