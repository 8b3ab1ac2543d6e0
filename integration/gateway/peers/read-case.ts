import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { OK, Origin, type Received } from '../origin.js';
import { RawClient } from '../support.js';
import type { PeerCase } from './peer-case.js';

/** A client waits no longer for bytes behind those that came; milliseconds. */
const QUIET_MS = 500;
const PATIENCE_MS = 3_000;
const STEP_MS = 10;
const LONGEST_BODY = 60;

/** A server whose answers are those of the case that runs. */
export class Stage implements AsyncDisposable {
  readonly origin: Origin;
  #respond: NonNullable<PeerCase['respond']> = OK;

  private constructor(origin: (respond: Stage) => Origin) {
    this.origin = origin(this);
  }

  static async open(): Promise<Stage> {
    const stage = new Stage((own) => new Origin((socket, request) => own.#answer(socket, request)));
    await stage.origin.listen();
    return stage;
  }

  #answer(socket: Socket, request: Received): void {
    if (typeof this.#respond === 'string') socket.write(this.#respond, 'latin1');
    else this.#respond(socket, request);
  }

  /** What comes of a case by way of the proxy on this port. */
  async read(each: PeerCase, port: number): Promise<string> {
    const { origin } = this;
    for (const socket of origin.sockets) socket.destroy();
    origin.requests.length = 0;
    origin.bytes = '';
    this.#respond = each.respond ?? OK;
    using client = await RawClient.to(port);
    client.send(each.request);
    let quietMs = 0;
    for (let ms = 0, before = 0; ms < PATIENCE_MS && !client.closed && quietMs < QUIET_MS; ms += STEP_MS) {
      await pause(STEP_MS);
      const { length } = client.received;
      quietMs = length > 0 && length === before ? quietMs + STEP_MS : 0;
      before = length;
    }
    return `${seenByClient(each, client)} | ${seenByServer(each, origin)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.origin[Symbol.asyncDispose]();
  }
}

function seenByClient({ got = [], bodies }: PeerCase, { received, reset, closed }: RawClient): string {
  const statuses = [...received.matchAll(/^HTTP\/1\.[01] (\d+)/gm)].map(([, status]) => status);
  const seen = [statuses.length === 0 ? 'nothing' : statuses.join(' ')];
  const headers = received.split('\r\n\r\n').slice(0, -1).join('\r\n');
  for (const name of got) {
    const values = [...headers.matchAll(new RegExp(`^${name}: ?(.*)$`, 'gim'))].map(([, value]) => value!.trim());
    seen.push(`${name}=${values.length === 0 ? '-' : values.join(' + ')}`);
  }
  if (bodies) seen.push(JSON.stringify(lastBody(received)));
  if (reset) seen.push('reset');
  else if (!closed) seen.push('open');
  return seen.join(' ');
}

/** Of the last response, where it is the server's own: pages of errors are as long as they like. */
function lastBody(received: string): string {
  const last = received.slice(Math.max(0, received.lastIndexOf('HTTP/1.')));
  const body = last.slice(last.indexOf('\r\n\r\n') + 4);
  return body.length > LONGEST_BODY ? '…' : body;
}

function seenByServer({ sent = [], bodies }: PeerCase, { requests }: Origin): string {
  if (requests.length === 0) return 'nothing';
  return requests
    .map(({ line, headers, body }) => {
      const seen = [line.replace(/ HTTP\/1\.1$/, '')];
      for (const name of sent) {
        const values = headers.filter((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}:`));
        seen.push(
          `${name}=${values.length === 0 ? '-' : values.map((v) => v.slice(name.length + 1).trim()).join(' + ')}`,
        );
      }
      if (bodies) seen.push(JSON.stringify(body));
      return seen.join(' ');
    })
    .join(', ');
}
