import { createMesh, type Mesh, Outcome, type Service, type ServiceOptions } from 'fairlead';
import { type ConsulResolverOptions, consulResolver } from 'fairlead/consul';
import { expect, onTestFinished } from 'vitest';
import type { Consul } from '../harness/index.js';

export interface Client {
  readonly mesh: Mesh;
  readonly service: Service;
  readonly errors: Error[];
  /** The ids that may be picked: listed, and not listed as unhealthy. */
  ids(): readonly string[];
  /** Until exactly these may be picked: how many milliseconds it took. */
  lists(...ids: string[]): Promise<number>;
  /** Calls succeed, and go to exactly these. */
  picks(...ids: string[]): void;
}

/** A client of the service `users` at this agent. */
export function clientOf(consul: Consul, options: ConsulResolverOptions = {}, service: ServiceOptions = {}): Client {
  const resolver = consulResolver({
    address: consul.url,
    ...(consul.token === undefined ? {} : { token: consul.token }),
    env: {},
    ...options,
  });
  const mesh = createMesh({ resolver });
  onTestFinished(() => mesh.close());
  const users = mesh.service('users', { policy: 'round_robin', ...service });
  const errors: Error[] = [];
  users.on('error', (error) => errors.push(error));
  const ids = (): readonly string[] => users.usedEndpoints.map((endpoint) => endpoint.spec.id);
  return {
    mesh,
    service: users,
    errors,
    ids,
    lists: (...expected) =>
      took(
        () => ids().join() === [...expected].sort().join(),
        () => `${expected} (it is ${ids()})`,
      ),
    picks: (...expected) => {
      const picked = new Set<string>();
      for (let i = 0; i < 50; i++) {
        const lease = users.acquire();
        picked.add(lease.endpoint.spec.id);
        lease.done(Outcome.Success);
      }
      expect([...picked].sort()).toEqual([...expected].sort());
    },
  };
}

/** How many milliseconds it took until the condition held. */
export async function took(condition: () => boolean, what: () => string, limitMs = 20_000): Promise<number> {
  const startMs = performance.now();
  while (!condition()) {
    if (performance.now() - startMs > limitMs) throw new Error(`no ${what()} within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return performance.now() - startMs;
}

type Registered = { readonly Name: string } & Readonly<Record<string, unknown>>;

/** An instance as the agent's API takes it. */
export const users = (id: string, port: number, more: Readonly<Record<string, unknown>> = {}): Registered => ({
  Name: 'users',
  ID: id,
  Address: '127.0.0.1',
  Port: port,
  ...more,
});

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
