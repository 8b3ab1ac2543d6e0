import { whenAborted } from '../runtime/abort-audience.js';
import type { ResolverSink } from './resolver.js';
import type { WatchAudience } from './watch-audience.js';

/** A watch that several share; it runs from when it is made until it is stopped. */
export interface SharedWatch {
  readonly audience: WatchAudience;
  /** The registry's name of the service. */
  readonly service: string;
  stop(): void;
}

/** The watches at one registry: those who ask the same share one, until the last of them leaves. */
export class SharedWatches<Watch extends SharedWatch> {
  readonly #watches = new Map<string, Watch>();

  join(key: string, make: () => Watch, sink: ResolverSink, signal: AbortSignal): void {
    const watch = this.#watches.get(key) ?? make();
    this.#watches.set(key, watch);
    watch.audience.add(sink);
    whenAborted(signal, () => {
      watch.audience.delete(sink);
      if (watch.audience.size > 0) return;
      watch.stop();
      if (this.#watches.get(key) === watch) this.#watches.delete(key);
    });
  }

  /** Another mesh may still listen: its list grows old, and it gets the reason. */
  close(reason: (service: string) => Error): void {
    for (const watch of this.#watches.values()) {
      watch.stop();
      watch.audience.error(reason(watch.service));
    }
    this.#watches.clear();
  }
}
