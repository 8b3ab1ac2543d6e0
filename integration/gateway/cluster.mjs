// Two workers that share a port, each with a gateway that allows two requests.
import cluster from 'node:cluster';
import { createMesh, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';

if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()];
  let listening = 0;
  cluster.on('message', (_worker, { port }) => {
    if (++listening === workers.length) process.send({ port });
  });
  process.on('message', () => {
    for (const worker of workers) worker.kill();
    process.disconnect();
  });
} else {
  const mesh = createMesh({ resolver: staticResolver({ users: [`127.0.0.1:${process.argv[2]}`] }) });
  const gateway = createGateway(mesh, {
    via: `worker-${cluster.worker.id}`,
    routes: [{ service: 'users', rateLimit: { requests: 2 } }],
  });
  // The same port for all: 0 is one port for the whole cluster.
  process.send({ port: await gateway.listen(0, '127.0.0.1') });
}
