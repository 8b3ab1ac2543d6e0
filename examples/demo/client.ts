import grpc from '@grpc/grpc-js';
import { consecutiveFailures, createMesh, type Mesh, type Service } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { registerGrpc } from 'fairlead/grpc';
import { type User, UsersConstructor } from './users.js';

/** The program under demonstration: it asks `users` for something, and fairlead decides whom. */
export interface Client {
  readonly mesh: Mesh;
  readonly service: Service;
  get(id: number, deadlineMs: number): Promise<User>;
  close(): Promise<void>;
}

export function createClient(registry: string): Client {
  const mesh = createMesh({
    resolver: consulResolver({ address: registry }),
    services: {
      users: {
        // All of this has good defaults. Here times are shorter, so that half a minute is enough to
        // see everything: an old response time is forgotten within seconds (10 s by default), an
        // ejection is 2 s (30 s).
        policy: { peak_ewma: { decayMs: 2_000 } },
        health: [consecutiveFailures({ failures: 3, baseEjectionMs: 2_000 })],
      },
    },
  });
  // From here on it is any grpc-js client: the target is all that says fairlead.
  const registration = registerGrpc(mesh, { services: { users: { serviceConfig: { methodConfig: [RETRIES] } } } });
  const client = new UsersConstructor('fairlead:///users', grpc.credentials.createInsecure());
  return {
    mesh,
    service: mesh.service('users'),
    get: (id, deadlineMs) =>
      new Promise((resolve, reject) => {
        client.get({ id }, { deadline: Date.now() + deadlineMs }, (error, user) =>
          error === null ? resolve(user!) : reject(error),
        );
      }),
    close: async () => {
      client.close();
      registration.close();
      await mesh.close({ deadlineMs: 1_000 });
    },
  };
}

/**
 * What a lost connection swallowed is asked of another server. Reading a user twice does no harm.
 */
const RETRIES = {
  name: [{ service: 'demo.Users', method: 'Get' }],
  retryPolicy: {
    maxAttempts: 3,
    initialBackoff: '0.01s',
    maxBackoff: '0.1s',
    backoffMultiplier: 2,
    retryableStatusCodes: ['UNAVAILABLE'],
  },
};
