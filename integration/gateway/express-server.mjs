import express from 'express';
import { createMesh, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';

const mesh = createMesh({ resolver: staticResolver({ users: [`127.0.0.1:${process.argv[2]}`] }) });
const gateway = createGateway(mesh, { routes: [{ match: { path: '/api/*' }, service: 'users' }] });

const app = express();
app.use('/parsed', express.json(), gateway.handle);
app.use(gateway.handle);
app.get('/own', (_request, response) => void response.send('own'));
app.use((error, _request, response, _next) => void response.status(500).send(error.code));
const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
