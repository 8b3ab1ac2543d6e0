import { EventEmitter } from 'node:events';
import { invalidOption } from './options.js';

/** All that there are: a listener of another would never be called. */
export type EventNames<Events> = Readonly<Record<keyof Events & string, true>>;

/**
 * Events for users: a listener that throws, or that returns a rejected promise, stops neither the
 * other listeners nor us. What it threw is reported once per emit as a process warning, and an
 * 'error' event without a listener does not crash.
 */
export class SafeEmitter<Events extends { readonly [K in keyof Events]: readonly unknown[] }> {
  // Not a leak from the eleventh listener on: as many clients as like share a service.
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  readonly #names: EventNames<Events>;

  constructor(names: EventNames<Events>) {
    this.#names = names;
  }

  /** Throws FAIRLEAD_INVALID_OPTION for an event that does not exist. */
  on<Name extends keyof Events & string>(name: Name, listener: (...args: Events[Name]) => void): () => void {
    if (!Object.hasOwn(this.#names, name)) {
      throw invalidOption('event', name, `one of ${Object.keys(this.#names).join(', ')}`);
    }
    if (typeof listener !== 'function') throw invalidOption(`listener of '${name}'`, listener, 'a function');
    this.#emitter.on(name, listener as never);
    return () => {
      this.#emitter.off(name, listener as never);
    };
  }

  /** True where there is a listener: ask before building a costly payload. */
  hears(name: keyof Events & string): boolean {
    return this.#emitter.listenerCount(name) > 0;
  }

  emit<Name extends keyof Events & string>(name: Name, ...args: Events[Name]): void {
    for (const listener of this.#emitter.listeners(name))
      runSafely(listener as (...a: unknown[]) => unknown, args, name);
  }

  clear(): void {
    this.#emitter.removeAllListeners();
  }
}

function runSafely(listener: (...args: unknown[]) => unknown, args: readonly unknown[], name: string): void {
  try {
    const result = listener(...args);
    if (result instanceof Promise) result.catch((thrown: unknown) => warn(name, thrown));
  } catch (thrown) {
    warn(name, thrown);
  }
}

function warn(name: string, thrown: unknown): void {
  const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  process.emitWarning(`A listener of '${name}' threw: ${reason}`, {
    type: 'FairleadWarning',
    code: 'FAIRLEAD_LISTENER',
  });
}
