import express from 'express';
import { createMesh, staticResolver } from 'fairlead';
import { createAdmin } from 'fairlead/admin';

const mesh = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1', '10.0.0.2:1'] }) });
mesh.service('users');
const app = express();
app.use('/inside/mesh', express.json(), createAdmin(mesh, { token: process.argv[2] }).handler);
const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
