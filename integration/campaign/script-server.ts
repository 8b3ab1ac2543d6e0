import { join } from 'node:path';
import { canConnect } from '../harness/can-connect.js';
import { freePort } from '../harness/index.js';
import { NativeProcess } from '../harness/native/process.js';
import { Server as HarnessServer } from '../harness/server.js';

const HOST = '127.0.0.1';

/** A server that is a script of a part, to be killed, stopped and frozen. */
export class ScriptServer extends HarnessServer {
  /** Where it listens; the first is `port`. */
  readonly ports: readonly number[];
  readonly #process: NativeProcess;

  private constructor(process: NativeProcess, ports: readonly number[]) {
    super(process, HOST, ports[0]!);
    this.ports = ports;
    this.#process = process;
  }

  /** `arguments_` are what the script is told, from its ports and the folder of its data. */
  static async launch(
    script: string,
    ports: number,
    arguments_: (ports: readonly number[], data: string) => readonly string[],
  ): Promise<ScriptServer> {
    const free = await Promise.all(Array.from({ length: ports }, () => freePort(HOST)));
    const process_ = new NativeProcess({
      name: 'script',
      command: (data) => [process.execPath, script, ...arguments_(free, data)],
    });
    const server = new ScriptServer(process_, free);
    await server.start();
    return server;
  }

  /** A file of its data. */
  fileOf(name: string): string {
    return join(this.#process.data, name);
  }

  protected async ready(): Promise<void> {
    for (const port of this.ports)
      await this.untilUp(`a server of the campaign listens on ${port}`, () => canConnect(port));
  }
}
