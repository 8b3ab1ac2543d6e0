import type * as Crypto from 'node:crypto';
import type * as Fs from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import type * as PerfHooks from 'node:perf_hooks';

/**
 * Modules that cost milliseconds to load, and that most programs never come to need: loaded at the
 * first use, at once, as those who need them cannot wait. `import 'fairlead'` does not pay for
 * them.
 */
let packages: NodeJS.Require | undefined;

/** An installed package, by name. */
export function requirePackage<T>(name: string): T {
  packages ??= process.getBuiltinModule('node:module').createRequire(import.meta.url);
  return packages(name) as T;
}

/** `node:crypto`, 3 ms. */
export function lazyCrypto(): typeof Crypto {
  return process.getBuiltinModule('node:crypto');
}

/** `node:perf_hooks`, 1 ms. */
export function lazyPerfHooks(): typeof PerfHooks {
  return process.getBuiltinModule('node:perf_hooks');
}

/** `node:fs`: to import it loads all streams of Node, 4 ms. */
export function lazyFs(): typeof Fs {
  return process.getBuiltinModule('node:fs');
}

/** `node:fs/promises`, which comes with `node:fs`. */
export function lazyFsPromises(): typeof FsPromises {
  return process.getBuiltinModule('node:fs/promises');
}
