import { localImports, type SourceFile } from './architecture.js';

/**
 * Every group of files that import each other, directly or through others, as `a.ts, b.ts, c.ts`;
 * of types too: files that cannot be understood one after the other. Tarjan, "Depth-first search
 * and linear graph algorithms", 1972.
 */
export function importCycles(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path, localImports(file)]));
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[] = [];
  const visit = (path: string): void => {
    order.set(path, order.size);
    lowest.set(path, order.get(path)!);
    stack.push(path);
    for (const next of imports.get(path)!) {
      if (!imports.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(path, Math.min(lowest.get(path)!, lowest.get(next)!));
    }
    if (lowest.get(path) !== order.get(path)) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1 || imports.get(path)!.includes(path)) found.push(group.sort().join(', '));
  };
  for (const path of imports.keys()) if (!order.has(path)) visit(path);
  return found;
}
