import { resolve } from 'node:path';
import { WatchedFile } from '../discovery/sources/watched-file.js';
import { tell } from '../discovery/tell.js';
import type { ValueSource } from '../discovery/value-source.js';
import { whenAborted } from '../runtime/abort-audience.js';
import { systemClock } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { number, readOptions } from '../runtime/options.js';

export interface FileSourceOptions {
  /**
   * How often the file is looked at where the system reports no change; milliseconds. Default
   * 5,000; 100 to 3,600,000.
   */
  readonly pollMs?: number;
}

/**
 * Documents in files, as `source` of a configuration store whose `key` is the path. Sees files that
 * are written, replaced, or linked anew, as Kubernetes does with a ConfigMap. Throws
 * FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * createConfigStore(mesh, { source: fileSource(), key: '/etc/shop/mesh.yaml' });
 * ```
 */
export function fileSource(options?: FileSourceOptions): ValueSource {
  const { pollMs } = readOptions<{ pollMs: number }>('fileSource', options, { pollMs: number(5_000, 100, 3_600_000) });
  return {
    name: 'file',
    watch: (key, sink, signal, context) => {
      if (signal.aborted) return;
      const file = new WatchedFile({ path: resolve(key), pollMs }, context?.clock ?? systemClock, {
        isWhole: isJson,
        content: (text) => {
          // It is being written: a second look follows.
          if (text.trim() === '') throw new Error('it is empty');
          tell(() => sink.value(text));
        },
        failed: (cause) => {
          const error = new FairleadError('FAIRLEAD_DISCOVERY', `${key}: ${cause.message}`, { cause });
          tell(() => sink.error(error));
        },
      });
      whenAborted(signal, () => file.stop());
    },
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
