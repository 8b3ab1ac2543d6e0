import { createMesh, type Mesh, Outcome, type Service, type ServiceOptions } from 'fairlead';
import { type ConsulResolverOptions, consulResolver } from 'fairlead/consul';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { expect, onTestFinished } from 'vitest';
import { ScriptedConsul } from './scripted-consul.js';
import { until } from './until.js';

export interface ConsulWorld {
  readonly consul: ScriptedConsul;
  readonly clock: ManualClock;
  readonly mesh: Mesh;
  readonly service: Service;
  readonly errors: Error[];
  /** The ids that may be picked: listed, and not listed as unhealthy. */
  ids(): readonly string[];
  /** Until exactly these may be picked. */
  lists(...ids: string[]): Promise<void>;
  /** Until the watch waits for a change. */
  blocks(): Promise<void>;
  /**
   * Lets time pass, and what is on the wire arrive, until the condition holds: how many
   * milliseconds it took.
   */
  passUntil(condition: () => boolean, limitMs?: number): Promise<number>;
  /** Lets so much time pass, and what is on the wire arrive. */
  pass(ms: number): Promise<void>;
  /** An answer of the agent's to everything, until it is given another or none. */
  answers(status: number, headers?: Readonly<Record<string, string>>, body?: string): void;
  /** Picks go on as if nothing was: calls succeed, and only on these. */
  picks(...ids: string[]): void;
}

/** A step of the clock between two looks at the wire; milliseconds. */
const STEP_MS = 50;

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
  const resolver = consulResolver({ address: consul.address, env: {}, ...options });
  const mesh = createMesh({ resolver, clock, random });
  const service = mesh.service('users', { policy: 'round_robin', ...serviceOptions });
  const errors: Error[] = [];
  service.on('error', (error) => errors.push(error));
  onTestFinished(async () => {
    await mesh.close();
    await consul.down();
  });
  const ids = (): readonly string[] => service.usedEndpoints.map((endpoint) => endpoint.spec.id);
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
    passUntil: async (condition: () => boolean, limitMs = 120_000) => {
      const startMs = clock.now();
      for (;;) {
        await consul.quiet();
        if (condition()) return clock.now() - startMs;
        if (clock.now() - startMs >= limitMs) throw new Error(`it did not come true in ${limitMs} ms`);
        await clock.advanceAsync(STEP_MS);
      }
    },
    pass: async (ms: number) => {
      const endMs = clock.now() + ms;
      while (clock.now() < endMs) {
        await clock.advanceAsync(Math.min(STEP_MS, endMs - clock.now()));
        await consul.quiet();
      }
    },
    answers: (status: number, headers: Readonly<Record<string, string>> = {}, body = '') => {
      consul.script = (_request, response) => {
        response.writeHead(status, headers).end(body);
        return true;
      };
      consul.cut();
    },
    picks: (...expected: string[]) => {
      const picked = new Set<string>();
      for (let i = 0; i < 30; i++) {
        const lease = service.acquire();
        picked.add(lease.endpoint.spec.id);
        lease.done(Outcome.Success);
      }
      expect([...picked].sort()).toEqual([...expected].sort());
    },
  };
  return world;
}
