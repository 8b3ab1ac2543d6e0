import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../src/index.js';
import { endGently } from './common/linger.js';

/** The first protocol that a request asks for and the gateway knows; in lower case. */
export function upgradeOf({ headers }: IncomingMessage, known: readonly string[]): string | undefined {
  const asked = (headers.upgrade ?? '').split(',').map((each) => each.trim().toLowerCase());
  return asked.find((each) => known.includes(each));
}

/**
 * A response on a connection that node:http has let go of for an upgrade, for answers other than
 * 101: the connection closes behind it.
 */
export function responseOn(request: IncomingMessage, socket: Duplex, clock: Clock): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as never);
  response.once('finish', () => {
    response.detachSocket(socket as never);
    endGently(socket, clock);
    response.emit('close');
  });
  return response;
}

/**
 * The head of a request as it came, but for its Upgrade: for a request that may not be upgraded and
 * is served as a plain one (RFC 9110, 7.8). On Node 20 whoever hears of upgrades hears of all.
 */
export function plainHead({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const lower = name.toLowerCase();
    if (lower === 'upgrade' || lower === 'http2-settings') continue;
    const value = rawHeaders[i + 1]!;
    text += `${name}: ${lower === 'connection' ? withoutUpgrade(value) : value}\r\n`;
  }
  return `${text}\r\n`;
}

function withoutUpgrade(connection: string): string {
  const others = connection.split(',').map((each) => each.trim());
  return others.filter((each) => !/^(upgrade|http2-settings)$/i.test(each)).join(', ');
}
