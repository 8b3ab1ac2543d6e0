import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import {
  type ActiveCheck,
  createMesh,
  grpcCheck,
  httpCheck,
  type Mesh,
  type Service,
  staticResolver,
  tcpCheck,
} from 'fairlead';
import { afterEach, describe, expect, it } from 'vitest';

/** A server of some protocol that can be told to be sick. */
interface Patient {
  readonly port: number;
  sick: boolean;
  /** Checks that it was asked. */
  asked: number;
}

const closing: (() => void)[] = [];
let mesh: Mesh | undefined;

afterEach(async () => {
  await mesh?.close();
  for (const close of closing.splice(0)) close();
});

async function listen(server: Server, port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

async function http(): Promise<Patient> {
  const patient: Patient = { port: 0, sick: false, asked: 0 };
  const server = createHttp((_request, response) => {
    patient.asked++;
    response.writeHead(patient.sick ? 503 : 200).end();
  });
  return Object.assign(patient, { port: await listen(server) });
}

async function grpc(): Promise<Patient> {
  const patient: Patient = { port: 0, sick: false, asked: 0 };
  const server = createHttp2().on('stream', (stream) => {
    patient.asked++;
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.of(0, 0, 0, 0, 2, 8, patient.sick ? 2 : 1));
  });
  return Object.assign(patient, { port: await listen(server as unknown as Server) });
}

/** Sick means closed. */
async function tcp(): Promise<Patient> {
  let server = createTcp((socket) => socket.on('error', () => {}).resume());
  const port = await listen(server);
  let asked = 0;
  const count = (): void => void asked++;
  server.on('connection', count);
  return {
    port,
    get asked() {
      return asked;
    },
    set sick(sick: boolean) {
      if (sick) server.close();
      else {
        server = createTcp((socket) => socket.on('error', () => {}).resume()).on('connection', count);
        void listen(server, port);
      }
    },
  };
}

const TIMING = { intervalMs: 40, timeoutMs: 1_000, unhealthyThreshold: 3, healthyThreshold: 2 };

function watched(check: ActiveCheck, ports: readonly number[]): Service {
  const list = ports.map((port, i) => ({ id: `s${i}`, host: '127.0.0.1', port }));
  mesh = createMesh({ resolver: staticResolver({ users: list, orders: list }) });
  // Two services list the same servers: they are asked once for both.
  mesh.service('orders', { checks: [check] });
  return mesh.service('users', { checks: [check] });
}

const ready = (service: Service): string[] => service.rotation.map(({ spec }) => spec.id);

describe.each([
  ['httpCheck', http, httpCheck(TIMING), /status 503/],
  ['grpcCheck', grpc, grpcCheck(TIMING), /NOT_SERVING/],
  ['tcpCheck', tcp, tcpCheck(TIMING), /ECONNREFUSED/],
] as const)('%s at real servers', (_, start, check, why) => {
  it('takes out who is sick, says why, and takes back who is well', async () => {
    const patients = await Promise.all([start(), start(), start()]);
    const service = watched(
      check,
      patients.map(({ port }) => port),
    );
    const told: [string, boolean, string | undefined][] = [];
    service.on('checked', ({ endpoint, healthy, reason }) => told.push([endpoint.spec.id, healthy, reason?.message]));
    await expect.poll(() => patients.every(({ asked }) => asked >= 2)).toBe(true);
    expect(ready(service)).toEqual(['s0', 's1', 's2']);
    patients[1]!.sick = true;
    await expect.poll(() => ready(service)).toEqual(['s0', 's2']);
    expect(service.endpoints[1]!.state).toBe('unhealthy');
    patients[1]!.sick = false;
    await expect.poll(() => ready(service)).toEqual(['s0', 's1', 's2']);
    expect(told.map(([id, healthy]) => [id, healthy])).toEqual([
      ['s1', false],
      ['s1', true],
    ]);
    expect(told[0]![2]).toMatch(why);
  });

  it('asks once per interval, jitter aside, for all services that list the server', async () => {
    const patient = await start();
    watched(check, [patient.port]);
    await expect.poll(() => patient.asked).toBeGreaterThanOrEqual(1);
    const before = patient.asked;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // 25 at most, 27 with all jitter one way; two loops would ask 50 times. Fewer on a busy
    // machine.
    expect(patient.asked - before).toBeLessThanOrEqual(29);
    expect(patient.asked - before).toBeGreaterThan(5);
  });
});
