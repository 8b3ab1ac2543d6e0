import { createMesh, type Mesh, type ServiceOptions, type StaticResolver, staticResolver } from 'fairlead';
import { type GrpcOptions, type GrpcRegistration, registerGrpc } from 'fairlead/grpc';
import { EchoClient, type TestServer } from './support.js';

/** A mesh over some servers, registered for gRPC, with clients that are closed with it. */
export class EchoMesh {
  readonly mesh: Mesh;
  readonly resolver: StaticResolver;
  readonly registration: GrpcRegistration;
  readonly #close: (() => unknown)[] = [];

  constructor(servers: readonly TestServer[], service: ServiceOptions = {}, grpc: GrpcOptions = {}) {
    this.resolver = staticResolver({ echo: servers.map((server) => server.endpoint) });
    this.mesh = createMesh({ resolver: this.resolver, services: { echo: service } });
    this.registration = registerGrpc(this.mesh, grpc);
    this.#close.push(
      () => this.mesh.close({ deadlineMs: 100 }),
      () => this.registration.close(),
    );
  }

  connect(...args: ConstructorParameters<typeof EchoClient>): EchoClient {
    const client = new EchoClient(...args);
    this.#close.push(() => client.close());
    return client;
  }

  /** Tells which servers there are. */
  list(servers: readonly TestServer[]): void {
    this.resolver.update(
      'echo',
      servers.map((server) => server.endpoint),
    );
  }

  /** Calls in progress on all endpoints, as the core counts them. */
  get inflight(): number {
    return this.mesh.service('echo').endpoints.reduce((sum, endpoint) => sum + endpoint.inflight, 0);
  }

  async close(): Promise<void> {
    for (const close of this.#close.splice(0).reverse()) await close();
  }
}
