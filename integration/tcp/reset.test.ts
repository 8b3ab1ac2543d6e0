import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { resetSocket } from 'fairlead/adapter';
import { describe, expect, it } from 'vitest';
import { heard, TcpBackend } from './support.js';

async function pair() {
  let other: Socket | undefined;
  const backend = await new TcpBackend(
    (socket) => {
      other = socket;
    },
    { allowHalfOpen: true },
  ).listen();
  const socket = connect({ port: backend.port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  while (other === undefined) await pause(1);
  other.on('error', () => {});
  socket.on('error', () => {});
  return { socket, other, [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose]() };
}

describe('a connection that is reset', () => {
  it('closes also where its own end is on its way', async () => {
    await using ends = await pair();
    const end = heard(ends.other);
    ends.socket.end('all');
    // The bytes are with the system, and the end is not: Node would never close it.
    await once(ends.socket, 'prefinish');
    while (ends.socket.writableLength > 0 && !ends.socket.writableFinished) await Promise.resolve();
    resetSocket(ends.socket);
    await once(ends.socket, 'close');
    expect(String(await end)).toBe('all');
  });

  it('closes where nothing was to be sent before the end', async () => {
    await using ends = await pair();
    ends.socket.end();
    resetSocket(ends.socket);
    await once(ends.socket, 'close');
  });
});
