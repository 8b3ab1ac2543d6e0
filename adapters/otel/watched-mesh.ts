import type { EjectionEvent, Endpoint, Mesh, Service } from '../../src/index.js';

/**
 * The services of one mesh, followed from the moment each is first heard of. Diagnostics channels
 * are the whole process's, so a message counts only where its endpoint belongs to this mesh.
 */
export class WatchedMesh {
  readonly #mesh: Mesh;
  readonly #ejected: (service: string, event: EjectionEvent) => void;
  readonly #stops = new Map<Service, () => void>();
  readonly #endpoints = new WeakSet<Endpoint>();

  constructor(mesh: Mesh, ejected: (service: string, event: EjectionEvent) => void) {
    this.#mesh = mesh;
    this.#ejected = ejected;
    this.discover();
  }

  get services(): Iterable<Service> {
    return this.#stops.keys();
  }

  /** Follows services that were made since. */
  discover(): void {
    for (const service of this.#mesh.services.values()) this.#follow(service);
  }

  owns(name: string, endpoint: Endpoint): boolean {
    if (this.#endpoints.has(endpoint)) return true;
    const service = this.#mesh.services.get(name);
    if (service === undefined) return false;
    this.#follow(service);
    return this.#endpoints.has(endpoint);
  }

  /** Whether the service is one of this mesh; it is followed from then on. */
  has(service: Service): boolean {
    if (this.#stops.has(service)) return true;
    if (this.#mesh.services.get(service.name) !== service) return false;
    this.#follow(service);
    return true;
  }

  stop(): void {
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
  }

  #follow(service: Service): void {
    if (this.#stops.has(service)) return;
    const add = (endpoints: readonly Endpoint[]): void => {
      for (const endpoint of endpoints) this.#endpoints.add(endpoint);
    };
    add(service.endpoints);
    const stopEndpoints = service.on('endpoints', ({ arrived, changed }) => {
      add(arrived);
      add(changed);
    });
    const stopEjected = service.on('ejected', (event) => this.#ejected(service.name, event));
    this.#stops.set(service, () => {
      stopEndpoints();
      stopEjected();
    });
  }
}
