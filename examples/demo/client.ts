import { setTimeout as sleep } from 'node:timers/promises';
import grpc from '@grpc/grpc-js';
import {
  addressOf,
  consecutiveFailures,
  createMesh,
  type Endpoint,
  Outcome,
  type Service,
  staticResolver,
} from 'fairlead';
import { type User, type UsersClient, UsersConstructor } from './users.js';

/** The program under demonstration: it asks `users` for something, and fairlead decides whom. */
export interface Client {
  readonly service: Service;
  get(id: number, deadlineMs: number): Promise<User>;
  close(): Promise<void>;
}

export function createClient(registry: string): Client {
  const resolver = staticResolver();
  const stop = new AbortController();
  void watch(registry, stop.signal, (list) => resolver.update('users', list));
  const mesh = createMesh({ resolver });
  const service = mesh.service('users', {
    policy: 'peak_ewma',
    health: [consecutiveFailures({ failures: 3, baseEjectionMs: 2_000 })],
    classify: (error) => {
      const { code } = error as { readonly code?: unknown };
      if (code === grpc.status.UNAVAILABLE) return Outcome.Failure;
      return code === grpc.status.DEADLINE_EXCEEDED ? Outcome.Timeout : Outcome.ApplicationError;
    },
  });
  const clients = new Map<Endpoint, UsersClient>();
  return {
    service,
    get: (id, deadlineMs) =>
      service.call((endpoint) => {
        let client = clients.get(endpoint);
        if (client === undefined) {
          client = new UsersConstructor(addressOf(endpoint.spec), grpc.credentials.createInsecure());
          clients.set(endpoint, client);
        }
        const options = { deadline: Date.now() + deadlineMs };
        return new Promise<User>((resolve, reject) => {
          client.get({ id }, options, (error, user) => (error === null ? resolve(user!) : reject(error)));
        });
      }),
    close: async () => {
      stop.abort();
      await mesh.close({ deadlineMs: 1_000 });
      for (const client of clients.values()) client.close();
    },
  };
}

async function watch(registry: string, signal: AbortSignal, update: (list: never[]) => void): Promise<void> {
  let index = 0;
  while (!signal.aborted) {
    try {
      const response = await fetch(
        `http://${registry}/v1/health/service/users?passing=1&wait=30s${index > 0 ? `&index=${index}` : ''}`,
        { signal },
      );
      index = Number(response.headers.get('x-consul-index'));
      const list = (await response.json()) as { Service: { ID: string; Address: string; Port: number } }[];
      update(list.map(({ Service }) => ({ id: Service.ID, host: Service.Address, port: Service.Port })) as never);
    } catch {
      if (!signal.aborted) await sleep(200);
    }
  }
}
