// A server of HTTP and one of TCP, to be killed and stopped: `server.mjs <http port> <tcp port> <file>`.
// Every request that changes something is written to the file when it has come whole, before it is
// answered: what was delivered, and how often, is known also of a server that was killed.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';

const [httpPort, tcpPort, file] = process.argv.slice(2);

/** `/v/<id>?<length>`: so many bytes that follow from the id, now with a length and now in chunks. */
function answer(url, response) {
  const [, id, length] = /^\/v\/([^?]*)\?(\d+)$/.exec(url) ?? [];
  if (id === undefined) return response.writeHead(404).end();
  const bytes = Buffer.alloc(Number(length), id);
  if (bytes.length % 2 === 0) response.setHeader('content-length', bytes.length);
  const half = bytes.length >> 1;
  response.write(bytes.subarray(0, half));
  setImmediate(() => response.end(bytes.subarray(half)));
}

createServer((request, response) => {
  request.on('error', () => {});
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    if (request.method === 'GET') return answer(request.url, response);
    appendFileSync(file, `${JSON.stringify([request.method, request.url, Buffer.concat(chunks).length])}\n`);
    response.end(request.url);
  });
}).listen(Number(httpPort), '127.0.0.1');

createTcpServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
}).listen(Number(tcpPort), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
