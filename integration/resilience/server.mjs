// A server in a process of its own. Prints its port; `GET /mode/<mode>` changes how it answers,
// `GET /seen` counts.
import { createServer } from 'node:http';

let mode = 'ok';
let seen = 0;
/** When the one worker of mode `queue` is free again. */
let freeAtMs = 0;

const server = createServer((request, response) => {
  const path = request.url ?? '/';
  if (path.startsWith('/mode/')) {
    mode = path.slice('/mode/'.length);
    response.end();
    return;
  }
  if (path === '/seen') {
    response.end(String(seen));
    return;
  }
  seen++;
  if (mode === 'busy') response.writeHead(503, { 'retry-after': '0' }).end('busy');
  else if (mode === 'limited') response.writeHead(429, { 'retry-after': '1' }).end('less');
  else if (mode === 'missing') response.writeHead(404).end('missing');
  else if (mode === 'queue') {
    freeAtMs = Math.max(freeAtMs, performance.now()) + 6;
    setTimeout(() => response.end('ok'), freeAtMs - performance.now());
  } else if (mode === 'slow') setTimeout(() => response.end('late'), 2_000);
  else setTimeout(() => response.end('ok'), 5);
});

server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
