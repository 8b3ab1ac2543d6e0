// A server in a process of its own, to be killed, stopped and started: answers with its id, and
// says on request what it has been sent. Ends with its parent.
import { createServer } from 'node:http';

const [id, port = '0'] = process.argv.slice(2);
const bodies = [];
const server = createServer(async (request, response) => {
  if (request.url === '/bodies') return response.end(JSON.stringify(bodies));
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return;
  }
  if (request.method !== 'GET') bodies.push(Buffer.concat(chunks).toString());
  response.setHeader('x-backend', id);
  response.end(id);
});
server.listen(Number(port), '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', () => process.send({ bodies }));
process.on('disconnect', () => process.exit(0));
