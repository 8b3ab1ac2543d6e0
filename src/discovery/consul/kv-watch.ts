import { Backoff } from '../../runtime/backoff.js';
import { sleep } from '../../runtime/clock.js';
import { toError } from '../../runtime/errors.js';
import { TokenBucket } from '../../runtime/token-bucket.js';
import type { DiscoveryContext } from '../context.js';
import type { ServerPause } from '../server-pause.js';
import { tell } from '../tell.js';
import type { ValueSink } from '../value-source.js';
import { awayMs, RefusedError, readHead } from './answer.js';
import type { BodyReader, ConsulTransport } from './transport.js';

export interface KvWatchContext extends DiscoveryContext {
  readonly transport: ConsulTransport;
  /** One for all keys at the agent. */
  readonly pause: ServerPause;
  readonly query: Readonly<Record<string, string>>;
  readonly waitMs: number;
  readonly requestTimeoutMs: number;
}

/** Consul refuses values above 512 KiB (kv_max_value_size), unless it is configured otherwise. */
const MAX_VALUE_BYTES = 4 * 1_024 * 1_024;

/**
 * First and largest ceiling of the backoff; milliseconds. The value is known: nothing is gained by
 * hurrying.
 */
const BACKOFF_BASE_MS = 50;
export const MAX_BACKOFF_MS = 5_000;

/** A key that changes all the time is read twice a second, after a first few at once. */
const READS_PER_SECOND = 2;
const BURST = 4;

const NOT_FOUND = 404;

/**
 * One key of Consul's KV store, for ever. The rules of the index are those of HealthWatch: it is
 * forgotten when it is missing, zero or went backwards, and after any failure.
 */
export async function watchKey(
  key: string,
  context: KvWatchContext,
  sink: ValueSink,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, pause } = context;
  const bucket = new TokenBucket({ perSecond: READS_PER_SECOND, burst: BURST });
  const backoff = new Backoff(random, { baseMs: BACKOFF_BASE_MS, maxMs: MAX_BACKOFF_MS });
  let index = 0n;
  let failed = false;
  let told: { readonly text: string | undefined } | undefined;
  while (!signal.aborted) {
    let pauseMs = bucket.reserve(clock.now());
    try {
      if (pauseMs > 0) await sleep(clock, pauseMs, signal);
      const waits = (reason: Error): void => tell(() => sink.error(reason));
      const answer = await pause.run(signal, waits, (wasAway) =>
        read(key, wasAway ? 0n : index, wasAway || failed, context, signal),
      );
      failed = false;
      index = answer.index < index ? 0n : answer.index;
      if (!signal.aborted && (told === undefined || told.text !== answer.text)) {
        told = { text: answer.text };
        tell(() => sink.value(answer.text, answer.text === undefined ? undefined : String(answer.index)));
      }
      if (index > 0n) backoff.reset();
      pauseMs = index > 0n ? 0 : backoff.next();
    } catch (thrown) {
      if (signal.aborted) return;
      index = 0n;
      failed = true;
      tell(() => sink.error(toError(thrown)));
      // These are waited for together with all who ask this agent.
      pauseMs = awayMs(thrown) === undefined ? backoff.next() : 0;
    }
    // Aborted while it slept: the loop's condition ends it.
    if (pauseMs > 0) await sleep(clock, pauseMs, signal).catch(() => {});
  }
}

async function read(
  key: string,
  index: bigint,
  afterTrouble: boolean,
  context: KvWatchContext,
  signal: AbortSignal,
): Promise<{ readonly index: bigint; readonly text: string | undefined }> {
  const { transport, query, waitMs, requestTimeoutMs, clock } = context;
  const body = new TextBody();
  const response = await transport.send({
    method: 'GET',
    name: 'kv.get',
    path: '/kv/{key}',
    params: { key },
    // A server that has just become the leader may answer before it has read its whole log: then a
    // key seems gone, or is as it was long ago. A consistent read waits for that.
    query: {
      ...query,
      raw: '1',
      ...(afterTrouble && { consistent: '1' }),
      ...(index > 0n ? { index: String(index), wait: `${waitMs}ms` } : {}),
    },
    // The server adds up to a sixteenth to what it is asked to wait.
    timeoutMs: requestTimeoutMs + (index > 0n ? Math.ceil((waitMs * 17) / 16) : 0),
    bodyTimeoutMs: requestTimeoutMs,
    signal,
    reader: body,
  });
  if (response.status !== 200 && response.status !== NOT_FOUND) {
    throw new RefusedError(transport, key, response, clock.wallMs());
  }
  const head = readHead(response.headers);
  // A 404 without an index is not an answer of the KV store: a proxy's page, or an agent without
  // it.
  if (response.status === NOT_FOUND && head.index === 0n) {
    throw new RefusedError(transport, key, response, clock.wallMs());
  }
  return { index: head.index, text: response.status === 200 ? body.text : undefined };
}

class TextBody implements BodyReader {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  write(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_VALUE_BYTES) throw new Error(`the value is larger than ${MAX_VALUE_BYTES} bytes`);
    this.#chunks.push(chunk);
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
