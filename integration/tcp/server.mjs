// A server in a process of its own, to be killed, stopped and started: returns what it is sent once
// that has ended. Told to, it refuses connections, or resets them. Ends with its parent.
import { createServer } from 'node:net';

const [port = '0'] = process.argv.slice(2);
let resetting = false;
const server = createServer({ allowHalfOpen: true }, (socket) => {
  const chunks = [];
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    if (resetting) socket.resetAndDestroy();
    else chunks.push(chunk);
  });
  socket.on('end', () => socket.end(Buffer.concat(chunks)));
});
server.listen(Number(port), '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', (order) => {
  if (order === 'refuse') server.close();
  else resetting = true;
  process.send({});
});
process.on('disconnect', () => process.exit(0));
