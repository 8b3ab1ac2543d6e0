import type { RedisKey } from '../common/errors.js';

/**
 * The keys of SORT and SORT_RO, patterns that name keys among them: these lie where their tag says.
 * One without a star names none (`BY nosort`, `GET #`), although ioredis counts it as a key.
 */
export function sortKeys(args: readonly RedisKey[]): RedisKey[] {
  const keys = args.slice(0, 1);
  for (let i = 1; i < args.length - 1; i++) {
    const option = String(args[i]).toLowerCase();
    if (option === 'limit') i += 2;
    else if (option === 'store') keys.push(args[++i]!);
    else if (option === 'by' || option === 'get') {
      const pattern = args[++i]!;
      if (pattern.includes('*')) keys.push(pattern);
    }
  }
  return keys;
}

export function isSort(name: string): boolean {
  return (name.length === 4 || name.length === 7) && /^sort(_ro)?$/i.test(name);
}
