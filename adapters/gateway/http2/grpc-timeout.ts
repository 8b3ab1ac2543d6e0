const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` (PROTOCOL-HTTP2.md: up to eight digits and a unit). */
export function readGrpcTimeout(value: string | undefined): number | undefined {
  const found = /^(\d{1,8})([HMSmun])$/.exec(value ?? '');
  return found === null ? undefined : Number(found[1]) * UNITS[found[2]!]!;
}

const MAX_DIGITS = 1e8;

/** In microseconds where that fits, rounded up; at least one. */
export function writeGrpcTimeout(ms: number): string {
  const us = Math.max(1, Math.ceil(ms * 1e3));
  if (us < MAX_DIGITS) return `${us}u`;
  const whole = Math.ceil(ms);
  if (whole < MAX_DIGITS) return `${whole}m`;
  return `${Math.min(MAX_DIGITS - 1, Math.ceil(ms / 1e3))}S`;
}
