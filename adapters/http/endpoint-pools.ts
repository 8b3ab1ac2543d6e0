import { isIP } from 'node:net';
import { buildConnector, Pool } from 'undici';
import type { Endpoint, Service } from '../../src/index.js';
import type { HttpSettings } from './options.js';

/** Connection pools, one for each endpoint and origin; made at its first request. */
export class EndpointPools {
  readonly #settings: HttpSettings;
  readonly #byEndpoint = new Map<Endpoint, Map<string, Pool>>();
  readonly #drained: (origin: URL) => void;
  /** Those that wait for their last request. */
  readonly #ending = new Set<Pool>();
  #closing: Promise<void> | undefined;

  constructor(settings: HttpSettings, drained: (origin: URL) => void) {
    this.#settings = settings;
    this.#drained = drained;
  }

  /**
   * Closes what leads to an endpoint that left, when its last request has ended; a request that
   * still waits in its pool for a connection is told to go elsewhere.
   */
  follow(service: Service): void {
    service.on('endpoints', ({ departed, changed }) => {
      for (const endpoint of departed) this.#leave(endpoint);
      // Another address is another server.
      for (const endpoint of changed) this.#leave(endpoint);
    });
  }

  /** The pool of an endpoint for requests to `origin`, whose Host and certificate name it keeps. */
  of(endpoint: Endpoint, origin: string): Pool {
    let pools = this.#byEndpoint.get(endpoint);
    if (pools === undefined) {
      pools = new Map();
      this.#byEndpoint.set(endpoint, pools);
    }
    let pool = pools.get(origin);
    if (pool === undefined) {
      pool = this.#create(endpoint, origin);
      pools.set(origin, pool);
    }
    return pool;
  }

  /** How many there are. */
  get size(): number {
    let size = 0;
    for (const pools of this.#byEndpoint.values()) size += pools.size;
    return size;
  }

  close(): Promise<void> {
    this.#closing ??= this.#all((pool) => pool.close());
    return this.#closing;
  }

  destroy(error: Error | null): Promise<void> {
    return this.#all((pool) => pool.destroy(error));
  }

  async #all(end: (pool: Pool) => Promise<void>): Promise<void> {
    const pools = [...this.#byEndpoint.values()].flatMap((each) => [...each.values()]);
    this.#byEndpoint.clear();
    const ended = Promise.all([...pools, ...this.#ending].map((pool) => end(pool).catch(() => {})));
    for (const pool of pools) this.#ending.add(pool);
    await ended;
    for (const pool of pools) this.#ending.delete(pool);
  }

  async #end(pool: Pool): Promise<void> {
    this.#ending.add(pool);
    await pool.close().catch(() => {});
    this.#ending.delete(pool);
  }

  #leave(endpoint: Endpoint): void {
    const pools = this.#byEndpoint.get(endpoint);
    if (pools === undefined) return;
    this.#byEndpoint.delete(endpoint);
    for (const pool of pools.values()) void this.#end(pool);
  }

  #create(endpoint: Endpoint, origin: string): Pool {
    const { driver, connectTimeout, tls, hostHeader, socketPath } = this.#settings;
    const { host, port } = endpoint.spec;
    const secure = origin.startsWith('https:');
    const path = socketPath?.(endpoint);
    const dial = buildConnector({
      ...(secure && tls),
      timeout: connectTimeout,
      ...(path !== undefined && { socketPath: path }),
    } as buildConnector.BuildOptions);
    const shown = host.includes(':') ? `[${host}]` : host;
    const seen = hostHeader === 'endpoint' ? `${secure ? 'https' : 'http'}://${shown}:${port}` : origin;
    // Whom the certificate must name. Left to the dialled address, an address in the certificate
    // would do.
    const { hostname } = new URL(seen);
    const name = tls?.servername ?? (isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? hostname : undefined);
    const pool = new Pool(seen, {
      ...driver,
      connect: (options, callback) =>
        // The name of the URL is what the server is asked for; the address is where it is.
        dial(
          {
            ...options,
            hostname: host,
            host: undefined as never,
            port: String(port),
            ...(name !== undefined && { servername: options.servername ?? name }),
          },
          callback,
        ),
    });
    pool.on('drain', this.#drained);
    return pool;
  }
}
