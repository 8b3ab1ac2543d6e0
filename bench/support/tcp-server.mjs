// A server that answers each request of 100 bytes with as many bytes as its first four say. Ends
// with its parent.
import { createServer } from 'node:net';

const REQUEST_BYTES = 100;
const body = Buffer.alloc(1_000_000, 'x');
const server = createServer({ noDelay: true }, (socket) => {
  let request = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    request = request.length === 0 ? chunk : Buffer.concat([request, chunk]);
    while (request.length >= REQUEST_BYTES) {
      socket.write(body.subarray(0, request.readUInt32BE()));
      request = request.subarray(REQUEST_BYTES);
    }
  });
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit(0));
