import type * as Lru from 'lru-cache';
import { requirePackage } from '../runtime/lazy-modules.js';

/** The package of the tables, 7 ms to load: with the first table, not with `import 'fairlead'`. */
export function lazyLru(): typeof Lru {
  return requirePackage<typeof Lru>('lru-cache');
}
