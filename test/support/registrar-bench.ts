import type { ServerResponse } from 'node:http';
import type { Registration } from 'fairlead';
import {
  type ConsulInstance,
  type ConsulInstanceUpdate,
  type ConsulRegistrarOptions,
  consulRegistrar,
} from 'fairlead/consul';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { onTestFinished } from 'vitest';
import { ScriptedConsul, type SeenRequest } from './scripted-consul.js';

export const TOKEN = 'r3g1str4r-t0k3n';

/** A request that the agent has taken and not carried out yet. */
interface Held {
  readonly request: SeenRequest;
  /** Carries it out and answers. */
  land(): void;
}

export interface Bench {
  readonly consul: ScriptedConsul;
  readonly clock: ManualClock;
  /** What the agent knows now. */
  readonly known: Map<string, Record<string, unknown>>;
  /** What the checks of an instance say, by check id. */
  readonly health: Map<string, string>;
  /** Requests that match are held from now on. */
  hold(matches: (request: SeenRequest) => boolean): readonly Held[];
  holdNothing(): void;
  readonly registrar: ReturnType<typeof consulRegistrar>;
  register(instance?: Partial<ConsulInstance>): Promise<Registration<ConsulInstanceUpdate>>;
  seen(part: string): readonly SeenRequest[];
  /** Lets so much time pass, and what is on the wire arrive. */
  pass(ms: number, stepMs?: number): Promise<void>;
}

/** An agent that keeps registrations as a real one does, as far as a registrar can tell. */
export async function bench(options: ConsulRegistrarOptions = {}): Promise<Bench> {
  const consul = await ScriptedConsul.start();
  const known = new Map<string, Record<string, unknown>>();
  const health = new Map<string, string>();
  let holds: (request: SeenRequest) => boolean = () => false;
  let held: Held[] = [];
  const act = ({ path, body, method }: SeenRequest, response: ServerResponse): void => {
    const [, , , kind, verb, id = ''] = decodeURIComponent(path).split('/');
    if (verb === 'register') {
      const service = JSON.parse(body);
      known.set(service.ID, service);
      for (const check of service.Checks) {
        // An agent that knows the check keeps its state.
        if (!health.has(check.CheckID)) health.set(check.CheckID, check.Status ?? 'critical');
      }
      response.end();
    } else if (verb === 'deregister') {
      for (const check of [...health.keys()]) if (check.startsWith(`service:${id}:`)) health.delete(check);
      response.writeHead(known.delete(id) ? 200 : 404).end();
    } else if (kind === 'check') {
      const has = health.has(id);
      if (has) health.set(id, JSON.parse(body).Status);
      response.writeHead(has ? 200 : 500).end(has ? '' : `CheckID "${id}" does not have associated TTL`);
    } else if (method === 'GET') {
      const service = known.get(verb!);
      response.writeHead(service === undefined ? 404 : 200).end(JSON.stringify(service ?? {}));
    }
  };
  consul.script = (request, response) => {
    if (holds(request)) held.push({ request, land: () => act(request, response) });
    else act(request, response);
    return true;
  };
  const clock = new ManualClock();
  const random = seededRandom(3);
  const registrar = consulRegistrar({ address: consul.address, token: TOKEN, env: {}, clock, random, ...options });
  onTestFinished(async () => {
    const closing = registrar.close().catch(() => {});
    await clock.advanceAsync(20_000);
    await consul.down();
    await clock.advanceAsync(20_000);
    await closing;
  });
  return {
    consul,
    clock,
    known,
    health,
    hold: (matches) => {
      holds = matches;
      held = [];
      return held;
    },
    holdNothing: () => {
      holds = () => false;
    },
    registrar,
    register: (instance) => registrar.register({ service: 'users', id: 'u1', port: 5_001, ...instance }),
    seen: (part) => consul.requests.filter((request) => request.path.includes(part)),
    pass: async (ms, stepMs = 50) => {
      const endMs = clock.now() + ms;
      while (clock.now() < endMs) {
        await clock.advanceAsync(Math.min(stepMs, endMs - clock.now()));
        await consul.quiet();
      }
    },
  };
}
