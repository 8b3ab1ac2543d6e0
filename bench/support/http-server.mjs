// A server that answers every request with 100 bytes. Ends with its parent.
import { createServer } from 'node:http';

const body = Buffer.alloc(100, 'x');
const server = createServer((_, response) => {
  response.setHeader('content-length', body.length);
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit(0));
