/**
 * A process that serves `/write`, which takes a body, `/read?id=` and `/nothing` in one of three
 * frameworks, each request in the session of its cookie. Ends with its parent.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createMesh, type EndpointInput, staticResolver } from 'fairlead';
import { createPool, sessionMiddleware } from 'fairlead/mysql/promise';
import fastify from 'fastify';
import type { ResultSetHeader, RowDataPacket } from 'mysql2';

interface Task {
  readonly framework: string;
  readonly endpoints: EndpointInput[];
  readonly login: { readonly user: string; readonly password: string };
  readonly database: string;
}

const { framework, endpoints, login, database } = JSON.parse(process.argv[2]!) as Task;
const mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
const pool = createPool(mesh, { service: 'mysql', ...login, database, probeIntervalMs: 60_000 });
const session = sessionMiddleware(pool, { secret: 'a secret that is long enough for this', secure: false });

const write = async (): Promise<string> =>
  String((await pool.query<ResultSetHeader>("INSERT INTO t (v) VALUES ('x')"))[0].insertId);
const read = async (id: unknown): Promise<string> =>
  String((await pool.query<RowDataPacket[]>('SELECT v FROM t WHERE id = ?', [Number(id)]))[0].length);

const SERVERS: Readonly<Record<string, () => Promise<Server>>> = {
  'node:http': async () =>
    createServer((request, response) =>
      session(request, response, () => {
        const { pathname, searchParams } = new URL(request.url!, 'http://x');
        const answer = { '/write': write, '/read': () => read(searchParams.get('id')) }[pathname];
        void Promise.resolve(answer?.() ?? '').then((text) => response.end(text));
      }),
    ).listen(0, '127.0.0.1'),
  Express: async () => {
    const app = express();
    app.use(session).use(express.json());
    app.post('/write', async (_, response) => void response.send(await write()));
    app.get('/read', async ({ query }, response) => void response.send(await read(query.id)));
    app.get('/nothing', (_, response) => void response.send(''));
    return app.listen(0, '127.0.0.1');
  },
  Fastify: async () => {
    const app = fastify();
    app.addHook('onRequest', (request, reply, done) => session(request.raw, reply.raw, done));
    // Again after the body was read, which ends in a context of its own.
    app.addHook('preValidation', (request, reply, done) => session(request.raw, reply.raw, done));
    app.post('/write', write);
    app.get<{ Querystring: { id: string } }>('/read', ({ query }) => read(query.id));
    app.get('/nothing', async () => '');
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
};

const server = await SERVERS[framework]!();
if (!server.listening) await once(server, 'listening');
process.on('disconnect', () => process.exit(0));
process.send?.({ port: (server.address() as AddressInfo).port });
