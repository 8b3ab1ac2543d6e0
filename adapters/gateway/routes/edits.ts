import type { RouteSettings } from '../../../src/adapter.js';

/** Applies a route's edits to headers, names and values in turn. Returns the same list without. */
export function edited(headers: string[], edits: RouteSettings['requestHeaders']): string[] {
  if (edits === undefined) return headers;
  const { without, added } = edits;
  const kept = without.size === 0 ? headers : dropped(headers, without);
  kept.push(...added);
  return kept;
}

/** Without those of these names, which are in lower case. */
export function dropped(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}
