// One server of the tutorial's services, in a process of its own so that it can be killed: `grpc`
// or `http`, and its name. Says its port.
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [kind, name] = process.argv.slice(2);
if (kind === 'http') {
  const server = createServer((request, response) => response.end(`${request.url} by ${name}`));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
} else {
  const proto = fileURLToPath(new URL('../../examples/proto/users.proto', import.meta.url));
  const { users } = grpc.loadPackageDefinition(loadSync(proto));
  const server = new grpc.Server();
  server.addService(users.Users.service, {
    get: ({ request }, done) => done(null, { id: request.id, servedBy: name }),
  });
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_, port) => console.log(port));
}
