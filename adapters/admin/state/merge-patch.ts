/** Plain values, as JSON has them. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

type JsonObject = { readonly [name: string]: Json };

/**
 * What must be merged into `before` to make it `after`, as RFC 7396 has it: an object has what
 * changed, null is what is gone, a list is told whole. Undefined where nothing changed. Neither
 * may hold null. Parts that are one object are taken for the same without a look.
 */
export function patchOf(before: Json, after: Json): Json | undefined {
  if (before === after) return undefined;
  if (!isObject(before) || !isObject(after)) return isSame(before, after) ? undefined : after;
  // Names come from discovery: `__proto__` is a name like any other.
  const patch: Record<string, Json> = Object.create(null);
  let changed = false;
  for (const name of Object.keys(after)) {
    const part = Object.hasOwn(before, name) ? patchOf(before[name]!, after[name]!) : after[name]!;
    if (part === undefined) continue;
    patch[name] = part;
    changed = true;
  }
  for (const name of Object.keys(before)) {
    if (Object.hasOwn(after, name)) continue;
    patch[name] = null;
    changed = true;
  }
  return changed ? patch : undefined;
}

/** Merges a patch of RFC 7396 into `target`, which it may change, and returns the result. */
export function applyPatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const into: Record<string, Json> = Object.create(null);
  if (isObject(target)) for (const name of Object.keys(target)) into[name] = target[name]!;
  for (const name of Object.keys(patch)) {
    if (patch[name] === null) delete into[name];
    else into[name] = applyPatch(into[name], patch[name]!);
  }
  return into;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSame(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (!Array.isArray(a) || !Array.isArray(b)) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}
