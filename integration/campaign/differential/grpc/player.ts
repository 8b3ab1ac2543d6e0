import grpc from '@grpc/grpc-js';
import type { Heard } from '../heard.js';
import type { Step } from '../script.js';
import { codec, type Order } from './server.js';

// biome-ignore lint/suspicious/noExplicitAny: calls of four kinds
type Any = any;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Makes one call after the other, and tells all that it emits. */
export class GrpcPlayer {
  readonly #client: grpc.Client;
  readonly #heard: Heard;

  constructor(client: grpc.Client, heard: Heard) {
    this.#client = client;
    this.#heard = heard;
  }

  async play(step: Step): Promise<void> {
    const { kind, ends } = step as unknown as { kind: string; ends: string };
    const answers = kind === 'Unary' || kind === 'Client';
    let over = (): void => {};
    const ended = new Promise<void>((resolve) => {
      over = resolve;
    });
    const metadata = new grpc.Metadata(step.how === 'waitForReady' ? { waitForReady: true } : {});
    for (const [key, value] of Object.entries(step.metadata as Record<string, string>)) {
      metadata.add(key, key.endsWith('-bin') ? Buffer.from(value) : value);
    }
    const options =
      ends === 'deadline'
        ? { deadline: Date.now() + 150 }
        : ends === 'deadline passed'
          ? { deadline: Date.now() - 10 }
          : {};
    const done = (error: unknown, value: unknown): void => this.#heard.tell('callback', error, value);
    const call = this.#make(kind, step.requests as Order[], metadata, options, done);
    this.#listen(call, answers, ends, over, step.how === 'for await');
    if (ends === 'cancel at once') call.cancel();
    if (ends === 'cancel later') setTimeout(() => call.cancel(), 100);
    if (kind === 'Client' || kind === 'Bidi') await this.#write(call, step);
    if (step.how === 'for await' && !answers) {
      await this.#heard.answer('read', async () => {
        for await (const message of call) this.#heard.tell('message', message);
      });
    }
    await ended;
    await pause(3);
  }

  #make(kind: string, requests: readonly Order[], metadata: grpc.Metadata, options: object, done: Any): Any {
    const path = `/diff.Any/${kind}`;
    const { requestSerialize: write, responseDeserialize: read } = codec;
    const [request = {}] = requests;
    switch (kind) {
      case 'Server':
        return this.#client.makeServerStreamRequest(path, write, read, request, metadata, options);
      case 'Client':
        return this.#client.makeClientStreamRequest(path, write, read, metadata, options, done);
      case 'Bidi':
        return this.#client.makeBidiStreamRequest(path, write, read, metadata, options);
      default:
        return this.#client.makeUnaryRequest(path, write, read, request, metadata, options, done);
    }
  }

  #listen(call: Any, answers: boolean, ends: string, over: () => void, iterated: boolean): void {
    // Known difference: what is over when it is made is not sent. grpc-js sends it, and what comes
    // back, after its status, confuses its own stream.
    const unsent = ends === 'cancel at once' || ends === 'deadline passed';
    if (!unsent) {
      call.on('metadata', (metadata: grpc.Metadata) => this.#heard.tell('metadata', own(metadata)));
    }
    call.on('status', (status: Any) => {
      this.#heard.tell('status', status.code, timeless(status.details), own(status.metadata));
      setImmediate(() => setImmediate(over));
    });
    call.on('error', (error: unknown) => {
      if (!(unsent && (error as { code?: unknown }).code === 'ERR_STREAM_PUSH_AFTER_EOF'))
        this.#heard.tell('error', error);
    });
    if (answers) return;
    if (!iterated) {
      call.on('data', (message: unknown) => {
        this.#heard.tell('data', message);
        if (ends === 'cancel at data') call.cancel();
      });
    }
    call.on('end', () => this.#heard.tell('end'));
    if (!unsent) call.on('close', () => this.#heard.tell('close'));
  }

  async #write(call: Any, { requests, how, ends }: Step): Promise<void> {
    for (const request of requests as Order[]) {
      call.write(request);
      if (how === 'half-closed late') await pause(5);
    }
    if (how === 'half-closed late') await pause(20);
    // One that is never half-closed ends by its deadline, or is cancelled.
    if (how !== 'half-closed late' || (ends !== 'cancel later' && ends !== 'deadline')) call.end();
  }
}

/** Says how long each part of the way took. */
export const timeless = (text: string): string => text.replace(/Deadline exceeded after .*/s, 'Deadline exceeded');

/** What the server's handler has set, and not what its library adds. */
const own = (metadata: grpc.Metadata): object =>
  Object.fromEntries(Object.entries(metadata.toJSON()).filter(([key]) => key !== 'date'));
