// The clients of a proxy, in a process of their own: told the port, how much to ask for, how often,
// over how many connections, and whether each request has a connection of its own.
import { once } from 'node:events';
import { connect } from 'node:net';

const REQUEST_BYTES = 100;

async function open(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

function ask(socket, request, bytes) {
  return new Promise((resolve, reject) => {
    let left = bytes;
    const read = (chunk) => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off('data', read).off('error', reject);
      resolve();
    };
    socket.on('data', read).on('error', reject);
    socket.write(request);
  });
}

async function load({ port, bytes, operations, connections, churn }) {
  const request = Buffer.alloc(REQUEST_BYTES);
  request.writeUInt32BE(bytes);
  let left = operations;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      let socket;
      while (left-- > 0) {
        socket ??= await open(port);
        await ask(socket, request, bytes);
        if (!churn) continue;
        socket.end();
        await once(socket, 'close');
        socket = undefined;
      }
      socket?.destroy();
    }),
  );
}

process.on('message', (order) => {
  load(order).then(
    () => process.send({}),
    (error) => process.send({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
