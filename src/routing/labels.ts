import type { Labels } from '../picking/router.js';

/** A label of a call. A function of the user's that throws says nothing. */
export function labelOf(labels: Labels | undefined, name: string): string | undefined {
  if (labels === undefined) return undefined;
  try {
    const value: unknown = labels(name);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
