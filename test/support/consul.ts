import { createMesh, type Mesh, type Service, type ServiceOptions } from 'fairlead';
import { type ConsulResolverOptions, consulResolver } from 'fairlead/consul';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { onTestFinished } from 'vitest';
import { ScriptedConsul } from './scripted-consul.js';
import { until } from './until.js';

export interface ConsulWorld {
  readonly consul: ScriptedConsul;
  readonly clock: ManualClock;
  readonly mesh: Mesh;
  readonly service: Service;
  readonly errors: Error[];
  /** The ids that may be picked now. */
  ids(): readonly string[];
  /** Until exactly these are listed. */
  lists(...ids: string[]): Promise<void>;
  /** Until the watch waits for a change. */
  blocks(): Promise<void>;
}

/** A mesh over a scripted agent that lists `users`; its time stands still. */
export async function consulWorld(
  instances: Parameters<ScriptedConsul['set']>[1],
  options: ConsulResolverOptions = {},
  serviceOptions: ServiceOptions = {},
): Promise<ConsulWorld> {
  const consul = await ScriptedConsul.start();
  consul.set('users', instances);
  const clock = new ManualClock(1_000);
  const random = seededRandom(7);
  const resolver = consulResolver({ address: consul.address, env: {}, clock, random, ...options });
  const mesh = createMesh({ resolver, clock, random });
  const service = mesh.service('users', serviceOptions);
  const errors: Error[] = [];
  service.on('error', (error) => errors.push(error));
  onTestFinished(async () => {
    await mesh.close();
    await consul.down();
  });
  const ids = (): readonly string[] => service.endpoints.map((endpoint) => endpoint.spec.id);
  const world = {
    consul,
    clock,
    mesh,
    service,
    errors,
    ids,
    lists: (...expected: string[]) =>
      until(() => ids().join() === [...expected].sort().join(), `the list ${expected} (it is ${ids()})`),
    blocks: () => until(() => consul.blocked === 1, 'a blocking query'),
  };
  return world;
}
