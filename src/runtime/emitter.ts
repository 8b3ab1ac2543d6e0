import { toError } from './errors.js';
import { invalidOption } from './options.js';

type EventMap<Events> = { readonly [K in keyof Events]: readonly unknown[] };
type Listener = (...args: unknown[]) => unknown;

/** An object that hears the events that it has methods for: one of it costs less than functions. */
export type EventFollower<Events extends EventMap<Events>> = {
  readonly [K in keyof Events]?: (...args: Events[K]) => void;
};

/** A function for one event, as a follower. */
interface Listening {
  readonly name: string;
  readonly listener: Listener;
}

/** All that there are: a listener of another would never be called. */
export type EventNames<Events> = Readonly<Record<keyof Events & string, true>>;

/** So few listeners share a list without room for more: of hundreds of services, it adds up. */
const FEW = 8;

/**
 * Events for users: a listener that throws, or that returns a rejected promise, stops neither the
 * other listeners nor us. What it threw is reported once per emit as a process warning, and an
 * 'error' event without a listener does not crash. Node's emitter takes 0.4 kB before the first
 * listener and 0.3 kB for each name.
 */
export class SafeEmitter<Events extends EventMap<Events>> {
  readonly #names: EventNames<Events>;
  /** Undefined until one listens. */
  #listeners: (Listening | EventFollower<Events>)[] | undefined;

  constructor(names: EventNames<Events>) {
    this.#names = names;
  }

  /** Throws FAIRLEAD_INVALID_OPTION for an event that does not exist. */
  on<Name extends keyof Events & string>(name: Name, listener: (...args: Events[Name]) => void): () => void {
    if (!Object.hasOwn(this.#names, name)) {
      throw invalidOption('event', name, `one of ${Object.keys(this.#names).join(', ')}`);
    }
    if (typeof listener !== 'function') throw invalidOption(`listener of '${name}'`, listener, 'a function');
    const listening: Listening = { name, listener: listener as unknown as Listener };
    this.join(listening);
    return () => this.leave(listening);
  }

  /** Hears every event that it has a method for, until `leave`. */
  join(follower: Listening | EventFollower<Events>): void {
    if (this.#listeners === undefined) this.#listeners = [follower];
    else if (this.#listeners.length < FEW) this.#listeners = this.#listeners.concat([follower]);
    else this.#listeners.push(follower);
  }

  leave(follower: Listening | EventFollower<Events>): void {
    const index = this.#listeners?.indexOf(follower) ?? -1;
    if (index >= 0) this.#listeners?.splice(index, 1);
  }

  /** True where there is a listener: ask before building a costly payload. */
  hears(name: keyof Events & string): boolean {
    return this.#listeners?.some((each) => listenerOf(each, name) !== undefined) === true;
  }

  emit<Name extends keyof Events & string>(name: Name, ...args: Events[Name]): void {
    if (this.#listeners === undefined) return;
    // Those that listen now: a listener may end others, or add some.
    for (const each of [...this.#listeners]) {
      const listener = listenerOf(each, name);
      if (listener !== undefined) runSafely(listener, each, args, name);
    }
  }

  clear(): void {
    this.#listeners = undefined;
  }
}

function listenerOf(each: object, name: string): Listener | undefined {
  if ('listener' in each) return (each as Listening).name === name ? (each as Listening).listener : undefined;
  return (each as Readonly<Record<string, Listener | undefined>>)[name];
}

function runSafely(listener: Listener, follower: object, args: readonly unknown[], name: string): void {
  try {
    const result = listener.apply(follower, args as unknown[]);
    if (result instanceof Promise) result.catch((thrown: unknown) => warn(name, thrown));
  } catch (thrown) {
    warn(name, thrown);
  }
}

function warn(name: string, thrown: unknown): void {
  const { stack, message } = toError(thrown);
  const reason = thrown instanceof Error ? (stack ?? message) : message;
  process.emitWarning(`A listener of '${name}' threw: ${reason}`, {
    type: 'FairleadWarning',
    code: 'FAIRLEAD_LISTENER',
  });
}
