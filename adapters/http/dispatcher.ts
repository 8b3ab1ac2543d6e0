import type { EventEmitter } from 'node:events';
import { Agent, Dispatcher } from 'undici';
import { BoundedMap, callCounter, callPlanning, checkMesh } from '../../src/adapter.js';
import { FairleadError, type Mesh } from '../../src/index.js';
import { EndpointPools } from './endpoint-pools.js';
import { Exchange } from './exchange.js';
import type { ExchangeContext } from './exchange-context.js';
import type { NewHandler } from './new-attempt.js';
import type { OldHandler } from './old-attempt.js';
import { type HttpOptions, type HttpSettings, readHttpOptions } from './options.js';
import { StableController } from './stable-controller.js';

/** Origins whose host is looked up once. */
const MAX_ORIGINS = 1_000;

/**
 * An undici Dispatcher over the services of a mesh: `fetch`, `undici.request`, `stream`,
 * `pipeline`, interceptors, and what takes a dispatcher, balance over the service that the URL's
 * host names.
 *
 * ```ts
 * const dispatcher = createDispatcher(mesh);
 * const response = await fetch('http://users/v1/7', { dispatcher });
 * ```
 *
 * It serves the handlers of the fetch of Node 20, 22 and 24 and of undici 6 and 7. Throws
 * FAIRLEAD_INVALID_OPTION.
 */
export function createDispatcher(mesh: Mesh, options?: HttpOptions): Dispatcher {
  checkMesh('createDispatcher', mesh);
  return new MeshDispatcher(mesh, readHttpOptions(options));
}

class MeshDispatcher extends Dispatcher {
  readonly #mesh: Mesh;
  readonly #settings: HttpSettings;
  readonly #pools: EndpointPools;
  /** For hosts that are no services. */
  readonly #plain: Agent;
  readonly #services = new Map<string, ExchangeContext>();
  readonly #origins = new BoundedMap<string, ExchangeContext | null>(MAX_ORIGINS);
  readonly #unregister: () => void;
  #closed = false;

  constructor(mesh: Mesh, settings: HttpSettings) {
    super();
    this.#mesh = mesh;
    this.#settings = settings;
    this.#pools = new EndpointPools(settings, (origin) => void (this as EventEmitter).emit('drain', origin, [this]));
    this.#plain = new Agent(settings.driver);
    this.#unregister = mesh.register({
      kind: 'http',
      name: 'dispatcher',
      figures: () => ({ pools: this.#pools.size, ...settings.ledger.figures }),
      // What is left of calls, their bodies too: those of this dispatcher's services alone.
      drain: (deadlineMs) => this.#drain(deadlineMs),
      close: () => {
        void this.#pools.destroy(brokenOff());
        void this.close();
      },
    });
    this.#plain.on('drain', (...args) => void (this as EventEmitter).emit('drain', ...args));
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    try {
      if (this.#closed) throw Object.assign(new Error('The dispatcher is closed'), { code: 'UND_ERR_CLOSED' });
      const origin = String(options.origin ?? '');
      const context = this.#contextOf(origin);
      if (context === null) return this.#plain.dispatch(options, handler);
      return new Exchange(context, origin, options, handler).begin();
    } catch (thrown) {
      refuse(handler, thrown as Error);
      return true;
    }
  }

  override close(callback?: () => void): Promise<void> & undefined {
    this.#end();
    return ended(Promise.all([this.#pools.close(), this.#plain.close()]), callback);
  }

  override destroy(error?: Error | null | (() => void), callback?: () => void): Promise<void> & undefined {
    this.#end();
    const reason = error instanceof Error ? error : null;
    const then = typeof error === 'function' ? error : callback;
    return ended(Promise.all([this.#pools.destroy(reason), this.#plain.destroy(reason)]), then);
  }

  async #drain(deadlineMs: number): Promise<void> {
    const { clock } = this.#mesh;
    await new Promise<void>((resolve) => {
      const timer = clock.awaited(deadlineMs, resolve);
      void this.#pools.close().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #end(): void {
    this.#closed = true;
    this.#unregister();
  }

  #contextOf(origin: string): ExchangeContext | null {
    const known = this.#origins.get(origin);
    if (known !== undefined) return known;
    const { hostname } = new URL(origin);
    const name = this.#settings.serviceOf(hostname);
    const context = name === undefined || name === '' ? null : this.#service(name);
    this.#origins.set(origin, context);
    return context;
  }

  #service(name: string): ExchangeContext {
    const known = this.#services.get(name);
    if (known !== undefined) return known;
    const service = this.#mesh.service(name);
    this.#pools.follow(service);
    const context: ExchangeContext = {
      settings: this.#settings,
      service,
      planning: callPlanning(service),
      counter: callCounter(service, 'http'),
      pools: this.#pools,
      clock: this.#mesh.clock,
      ledger: this.#settings.ledger,
    };
    this.#services.set(name, context);
    return context;
  }
}

function brokenOff(): FairleadError {
  return new FairleadError('FAIRLEAD_CLOSED', 'A request had not ended when its mesh closed, and was broken off.');
}

/** `dispatch` never throws: what it refuses is reported through the handler. */
function refuse(handler: Dispatcher.DispatchHandler, error: Error): void {
  const { onRequestStart, onResponseError } = handler as NewHandler;
  if (typeof onRequestStart === 'function') onResponseError?.call(handler, new StableController(() => {}), error);
  else (handler as OldHandler).onError?.(error);
}

/** undici's two ways in one: a promise, or a callback and nothing. */
function ended(work: Promise<unknown>, callback: (() => void) | undefined): Promise<void> & undefined {
  const done = work.then(() => {});
  if (callback === undefined) return done as Promise<void> & undefined;
  void done.then(callback);
  return undefined as unknown as Promise<void> & undefined;
}
