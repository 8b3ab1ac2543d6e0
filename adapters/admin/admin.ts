import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { checkMesh, optionReaders } from '../../src/adapter.js';
import { FairleadError, type Mesh } from '../../src/index.js';
import { LiveAdmin, type Respond } from './live-admin.js';
import { type AdminOptions, readAdminOptions } from './options.js';
import { isLoopback } from './web/guard.js';

/** A page over a mesh, and the same as JSON. */
export interface Admin extends AsyncDisposable {
  /**
   * Serves it on a port of its own; 0 for one that is free. Resolves with the port. Default host
   * 127.0.0.1. Rejects with FAIRLEAD_INVALID_OPTION for an address that other machines reach where
   * there is no `token`, FAIRLEAD_CONFLICT where it listens already, and the error of the port.
   */
  listen(port?: number, host?: string): Promise<number>;
  /** `http://127.0.0.1:9000/`; undefined while it does not listen. */
  readonly address: string | undefined;
  /**
   * Serves it within a server of the program's own, below any path: a listener for node:http, a
   * handler for Express and for Fastify. Needs no `this`. What is in front of it decides who
   * reaches it; the rules about hosts, origins and the token are the same.
   */
  readonly handler: Respond;
  /** How many pages and commands follow it now. While there are none, it costs no call anything. */
  readonly followers: number;
  /** Ends its server and its streams. `mesh.close()` does so. Idempotent. */
  close(): Promise<void>;
}

/**
 * The page of a mesh: services, endpoints, why they are as they are, live figures, configuration,
 * events; and with a `token`, drain, eject, restore and roll back. It keeps the latest events from
 * now on; figures are counted while somebody looks. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const admin = createAdmin(mesh, { token: process.env.ADMIN_TOKEN });
 * console.log('page on port', await admin.listen(9_901));
 * ```
 */
export function createAdmin(mesh: Mesh, options?: AdminOptions): Admin {
  checkMesh('createAdmin', mesh);
  return new ListeningAdmin(mesh, options);
}

class ListeningAdmin implements Admin {
  readonly handler: Respond;
  readonly #live: LiveAdmin;
  readonly #hasToken: boolean;
  readonly #unregister: () => void;
  #server: Server | undefined;
  #address: string | undefined;

  constructor(mesh: Mesh, options: AdminOptions | undefined) {
    const settings = readAdminOptions(options);
    this.#hasToken = settings.token !== undefined;
    this.#unregister = mesh.register({ kind: 'admin', name: 'page', close: () => void this.close() });
    this.#live = new LiveAdmin(mesh, settings);
    this.handler = this.#live.handle;
  }

  get address(): string | undefined {
    return this.#address;
  }

  get followers(): number {
    return this.#live.followers;
  }

  async listen(port = 0, host = '127.0.0.1'): Promise<number> {
    // Node takes a text for the path of a socket.
    optionReaders.integer(0, 0, 65_535)(port, 'listen.port');
    if (!isLoopback(host) && !this.#hasToken) {
      throw optionReaders.invalidOption('listen.host', host, 'one of this machine alone, unless there is a `token`');
    }
    if (this.#server !== undefined) throw new FairleadError('FAIRLEAD_CONFLICT', 'The admin page listens already.');
    const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, this.handler);
    this.#server = server;
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (thrown) {
      this.#server = undefined;
      throw thrown;
    }
    // It is there while the program runs, and is no reason for it to run on.
    server.unref();
    const { port: own } = server.address() as AddressInfo;
    this.#address = `http://${isIP(host) === 6 ? `[${host}]` : host}:${own}/`;
    return own;
  }

  async close(): Promise<void> {
    this.#unregister();
    this.#live.close();
    const server = this.#server;
    this.#server = undefined;
    this.#address = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
