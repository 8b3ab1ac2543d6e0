import { Durations, type MeshPart } from '../../../src/adapter.js';

/** Codes of gRPC: 0 to 16. */
const STATUSES = 17;
/** Bytes by the power of two that they do not exceed: none, 1, 2, 4 and so on to 2 ** 32. */
const SIZES = 35;
/** Repeats by their number, the last for all above. */
const REPEATS = 12;

/** Numbers by bucket, and their sum. */
export interface Counted {
  readonly counts: Float64Array;
  readonly sum: Float64Array;
}

const counted = (size: number): Counted => ({ counts: new Float64Array(size), sum: new Float64Array(1) });

/** Bytes of messages, so that every boundary that is a power of two is exact. */
function addBytes({ counts, sum }: Counted, bytes: number): void {
  counts[bytes <= 0 ? 0 : bytes > 2 ** 32 ? SIZES - 1 : 33 - Math.clz32(bytes - 1)]!++;
  sum[0]! += bytes;
}

function addRepeats({ counts, sum }: Counted, times: number): void {
  counts[Math.min(times, REPEATS - 1)]!++;
  sum[0]! += times;
}

/** The attempts that ended with one status. */
export class AttemptCounts {
  readonly durations: Durations = new Durations();
  readonly sent: Counted = counted(SIZES);
  readonly received: Counted = counted(SIZES);
}

/** How a call was repeated. */
export interface Repeats {
  readonly retries: number;
  readonly transparentRetries: number;
  readonly hedges: number;
}

/**
 * What the calls of one method of one channel came to, and their attempts: what gRFC A66 and A96
 * measure, in arrays that only grow. A call costs some additions and allocates nothing; 5 kB for
 * each status that there was.
 */
export class MethodCounts {
  readonly target: string;
  readonly method: string;
  /** Attempts that began. */
  readonly started: Float64Array = new Float64Array(1);
  /** By status. */
  readonly calls: (Durations | undefined)[] = new Array(STATUSES).fill(undefined);
  readonly attempts: (AttemptCounts | undefined)[] = new Array(STATUSES).fill(undefined);
  readonly retryDelay: Durations = new Durations();
  /** Of the calls that had any. */
  readonly retries: Counted = counted(REPEATS);
  readonly transparentRetries: Counted = counted(REPEATS);
  readonly hedges: Counted = counted(REPEATS);

  constructor(target: string, method: string) {
    this.target = target;
    this.method = method;
  }

  attemptEnded(status: number, micros: number, sentBytes: number, receivedBytes: number): void {
    const index = known(status);
    this.attempts[index] ??= new AttemptCounts();
    const { durations, sent, received } = this.attempts[index];
    durations.add(micros);
    addBytes(sent, sentBytes);
    addBytes(received, receivedBytes);
  }

  callEnded(status: number, micros: number, delayMicros: number, repeats: Repeats): void {
    const index = known(status);
    this.calls[index] ??= new Durations();
    this.calls[index].add(micros);
    this.retryDelay.add(delayMicros);
    // A96: where there were none, 0 is not reported.
    if (repeats.retries > 0) addRepeats(this.retries, repeats.retries);
    if (repeats.transparentRetries > 0) addRepeats(this.transparentRetries, repeats.transparentRetries);
    if (repeats.hedges > 0) addRepeats(this.hedges, repeats.hedges);
  }
}

const UNKNOWN = 2;

/** A code that gRPC does not know is read as gRPC libraries read it. */
function known(status: number): number {
  return status >= 0 && status < STATUSES ? status : UNKNOWN;
}

/** Methods may be named by callers: so many of a mesh, and one for those that come later. */
const MAX_METHODS = 2_000;
const OVERFLOW = '_OTHER';

/** Of all channels of a registration. */
export class GrpcCounts {
  readonly #methods = new Map<string, Map<string, MethodCounts>>();
  #size = 0;

  /** Allocates the first time only. */
  of(target: string, method: string): MethodCounts {
    const known = this.#methods.get(target)?.get(method);
    if (known !== undefined) return known;
    if (this.#size >= MAX_METHODS && method !== OVERFLOW) return this.of(target, OVERFLOW);
    let methods = this.#methods.get(target);
    if (methods === undefined) {
      methods = new Map();
      this.#methods.set(target, methods);
    }
    const counts = new MethodCounts(target, method);
    methods.set(method, counts);
    this.#size++;
    return counts;
  }

  get all(): readonly MethodCounts[] {
    return [...this.#methods.values()].flatMap((methods) => [...methods.values()]);
  }
}

/** A registration, as the mesh knows it: with what its calls came to. */
export interface GrpcPart extends MeshPart {
  readonly kind: 'grpc';
  readonly counts: GrpcCounts;
}
