import type { Path } from './path.js';

/**
 * Where the value at `path` begins in a JSON text that `JSON.parse` takes; where `ofKey`, its name.
 * Undefined where there is none. O(text).
 */
export function jsonOffset(text: string, path: Path, ofKey: boolean): number | undefined {
  let at = 0;
  const blank = (): void => {
    while (/[\s,:]/.test(text[at] ?? '')) at++;
  };
  const string = (): string => {
    const from = at++;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at++;
    return JSON.parse(text.slice(from, at)) as string;
  };
  /** Passes over one value, and stops within where it is on the way to the path. */
  const find = (depth: number, onPath: boolean): number | undefined => {
    blank();
    const begin = at;
    if (onPath && depth === path.length) return begin;
    const open = text[at];
    if (open === '"') string();
    else if (open === '{' || open === '[') {
      at++;
      blank();
      for (let index = 0; text[at] !== '}' && text[at] !== ']'; index++) {
        const keyAt = at;
        const key = open === '{' ? string() : index;
        const wanted = onPath && key === path[depth];
        if (wanted && ofKey && depth === path.length - 1) return keyAt;
        const found = find(depth + 1, wanted);
        if (found !== undefined) return found;
        blank();
      }
      at++;
    } else while (at < text.length && !/[\s,\]}]/.test(text[at]!)) at++;
    return undefined;
  };
  return find(0, true);
}
