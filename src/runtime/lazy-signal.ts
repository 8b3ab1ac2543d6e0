/** What has a signal and makes it when it is first read: an AbortController, say. */
export interface SignalHost {
  readonly signal: AbortSignal;
}

/**
 * The owner's signal for a function that may never look at it: made when it is first touched. An
 * AbortSignal costs more (1.4 µs in Node 20) than all the rest of a call, and most functions that
 * declare no signal take none; but one that takes its arguments as a list (a wrapper, `(...args)
 * =>`) must get one that works.
 *
 * Everything is passed on to the real signal, so everything that takes AbortSignals (fetch, timers,
 * streams, AbortSignal.any) takes this one, and `instanceof` holds. It cannot be sent to another
 * thread.
 *
 * Newer versions of Node (24) look for what only a real signal has: there it is made at once.
 */
export function lazySignal(owner: SignalHost): AbortSignal {
  passes ??= isTaken(proxied(new AbortController()));
  return passes ? proxied(owner) : owner.signal;
}

const proxied = (owner: SignalHost): AbortSignal => new Proxy(owner, HANDLER) as unknown as AbortSignal;

/** Whether this Node takes a lazy signal for one; asked once, at the first call that has one. */
let passes: boolean | undefined;

function isTaken(lazy: AbortSignal): boolean {
  try {
    return !AbortSignal.any([lazy]).aborted;
  } catch {
    return false;
  }
}

const HANDLER: ProxyHandler<SignalHost> = {
  get({ signal }, name) {
    const value: unknown = Reflect.get(signal, name, signal);
    // Methods look for what is private to the signal on `this`. Its class is not a method: it is
    // compared, and asked.
    return typeof value === 'function' && name !== 'constructor' ? value.bind(signal) : value;
  },
  set: ({ signal }, name, value) => Reflect.set(signal, name, value, signal),
  has: ({ signal }, name) => Reflect.has(signal, name),
  getPrototypeOf: () => AbortSignal.prototype,
};
