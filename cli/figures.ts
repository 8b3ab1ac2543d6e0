/** Three digits, as a person reads them. */
export function digits(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(3)));
}

export function rate(value: number | undefined): string {
  return value === undefined ? '–' : digits(value);
}

export function ms(value: number | undefined): string {
  if (value === undefined) return '–';
  return value >= 1_000 ? `${digits(value / 1_000)} s` : `${digits(value)} ms`;
}

export function percent(ratio: number | undefined): string {
  return ratio === undefined ? '–' : `${digits(100 * ratio)} %`;
}

export function span(forMs: number): string {
  const s = Math.max(0, Math.round(forMs / 1_000));
  if (s < 90) return `${s} s`;
  return s < 5_400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3_600)} h`;
}
