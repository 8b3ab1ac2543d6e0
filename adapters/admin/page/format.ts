/** What is not known. */
export const NONE = '–';

export function count(value: number | undefined): string {
  if (value === undefined) return NONE;
  if (value < 10_000) return String(Math.round(value));
  if (value < 1_000_000) return `${digits(value / 1_000)}k`;
  return `${digits(value / 1_000_000)}M`;
}

export function rate(value: number | undefined): string {
  if (value === undefined) return NONE;
  return value >= 10_000 ? count(value) : digits(value);
}

export function ms(value: number | undefined): string {
  if (value === undefined) return NONE;
  if (value === 0) return '0 ms';
  if (value < 1) return `${digits(value * 1_000)} µs`;
  if (value < 1_000) return `${digits(value)} ms`;
  return `${digits(value / 1_000)} s`;
}

export function percent(ratio: number | undefined): string {
  if (ratio === undefined) return NONE;
  if (ratio === 0) return '0 %';
  return ratio < 0.001 ? '< 0.1 %' : `${digits(ratio * 100)} %`;
}

/** How long, in one unit that fits. */
export function span(forMs: number): string {
  const s = Math.max(0, Math.round(forMs / 1_000));
  if (s < 90) return `${s} s`;
  if (s < 5_400) return `${Math.round(s / 60)} min`;
  if (s < 129_600) return `${Math.round(s / 3_600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

export function weight(effective: number, configured: number): string {
  return effective === configured ? digits(configured) : `${digits(effective)} / ${digits(configured)}`;
}

export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString(undefined, { hour12: false });
}

export function json(value: unknown): string {
  return value === undefined ? NONE : typeof value === 'string' ? value : JSON.stringify(value);
}

export function digits(value: number): string {
  if (value === 0 || Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(value < 1 ? 2 : 3)));
}
