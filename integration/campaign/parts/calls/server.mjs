// A server that says who it is: `server.mjs <port> <id>`. `/?code=500&delay=20` asks it to answer so,
// whichever server it is.
import { createServer } from 'node:http';

const [port, id] = process.argv.slice(2);

createServer((request, response) => {
  const { searchParams } = new URL(request.url, 'http://localhost');
  setTimeout(
    () => response.writeHead(Number(searchParams.get('code') ?? 200)).end(id),
    Number(searchParams.get('delay') ?? 0),
  );
}).listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
