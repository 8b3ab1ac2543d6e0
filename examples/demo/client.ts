import grpc from '@grpc/grpc-js';
import { addressOf, consecutiveFailures, createMesh, type Endpoint, Outcome, type Service } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { type User, type UsersClient, UsersConstructor } from './users.js';

/** The program under demonstration: it asks `users` for something, and fairlead decides whom. */
export interface Client {
  readonly service: Service;
  get(id: number, deadlineMs: number): Promise<User>;
  close(): Promise<void>;
}

export function createClient(registry: string): Client {
  const mesh = createMesh({ resolver: consulResolver({ address: registry }) });
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
      await mesh.close({ deadlineMs: 1_000 });
      for (const client of clients.values()) client.close();
    },
  };
}
