// A server in a process of its own, to be killed, stopped and started: answers with its id, and
// says on request what it has been sent. Ends with its parent.
import { createServer } from 'node:http';

const [id, port = '0', how = ''] = process.argv.slice(2);
const bodies = [];
/** What it does in place of answering. */
let mode = '';

const instead = {
  reset: (socket) => socket.resetAndDestroy(),
  garbage: (socket) => socket.end('\x00\x01 garbage \xff\r\n\r\n'),
  // Nobody waits for its end.
  drip: (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nX-A: ');
    const timer = setInterval(() => socket.write('a'), 50);
    socket.once('close', () => clearInterval(timer));
  },
};

const server = createServer(async (request, response) => {
  if (request.url === '/bodies') return response.end(JSON.stringify(bodies));
  // In the middle of an upload: its head has come.
  if (mode === 'reset') return instead.reset(request.socket);
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return;
  }
  if (request.method !== 'GET') bodies.push(Buffer.concat(chunks).toString());
  if (mode !== '') return instead[mode](request.socket);
  response.setHeader('x-backend', id);
  // node:http itself goes on saying keep-alive while it closes.
  if (how === 'close' || !server.listening) response.setHeader('connection', 'close');
  response.end(id);
});
server.listen(Number(port), '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', (message) => {
  if (message === 'bodies') process.send({ bodies });
  else if (message === 'finish') server.close(() => process.exit(0));
  else mode = message.mode;
});
process.on('disconnect', () => process.exit(0));
