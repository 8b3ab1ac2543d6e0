import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * In front of a server: the answer to MONITOR arrives together with the first command that it
 * shows, as it does from a server under load.
 */
export class HastyMonitor implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly #sockets = new Set<Socket>();
  readonly #server;

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect(port, this.host);
      for (const socket of [client, server]) this.#sockets.add(socket.on('error', () => {}));
      client.on('close', () => server.destroy());
      server.on('close', () => client.destroy());
      let held: Buffer[] | undefined;
      client.on('data', (chunk) => {
        if (String(chunk).includes('\r\nmonitor\r\n')) held = [];
        server.write(chunk);
      });
      server.on('data', (chunk) => {
        held?.push(chunk);
        const arrived = Buffer.concat(held ?? [chunk]);
        if (held !== undefined && !String(arrived).includes(' [0 ')) return;
        held = undefined;
        client.write(arrived);
      });
    });
  }

  static async start(server: { readonly port: number }): Promise<HastyMonitor> {
    const monitor = new HastyMonitor(server.port);
    await once(monitor.#server.listen(0, monitor.host), 'listening');
    return monitor;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
