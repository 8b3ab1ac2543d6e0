import type { Metadata } from '@grpc/grpc-js';

/**
 * The header that holds how long the server has for a call; grpc-js sets it as the stream opens.
 */
export const TIMEOUT = 'grpc-timeout';

/** Units of gRPC's wire format ("TimeoutUnit"). */
const UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** How long a call has by its metadata; milliseconds, NaN for one without a deadline. */
export function timeLeftMs(metadata: Metadata): number {
  const value = metadata.get(TIMEOUT)[0];
  if (typeof value !== 'string') return Number.NaN;
  return Number(value.slice(0, -1)) * (UNITS_MS[value.slice(-1)] ?? Number.NaN);
}
