import { createMesh } from '../../mesh.js';
import { mix32 } from '../../runtime/hash.js';
import { type Random, seededRandom } from '../../runtime/random.js';
import { ManualClock } from '../manual-clock.js';
import { type ScriptStep, scriptedResolver } from '../scripted-resolver.js';
import { type CallContext, SimulatedCall } from './calls.js';
import { drawn, drawnGap } from './distributions.js';
import { endOf, type Fault } from './faults.js';
import { readSimulation, type ServerSettings, type SimulationSettings, serversOf } from './read.js';
import { Recorder } from './recorder.js';
import type { SimulationReport } from './report.js';
import { ServerModel } from './server.js';
import type { Simulation } from './simulation.js';

const SERVICE = 'simulated';

/**
 * Runs clients against servers in simulated time: a discrete-event simulation in which everything
 * but the network is real. Picks, leases, counters, health, ejection and discovery are those of
 * `createMesh`; servers, arrivals and faults are drawn from the seed. Synchronous; about a
 * microsecond or two of real time per call.
 *
 * ```ts
 * const report = simulate({
 *   durationMs: 60_000,
 *   servers: servers(11, { serviceTime: normal(167, 5) }),
 *   faults: [{ kind: 'slow', server: 's0', fromMs: 15_000, untilMs: 45_000, serviceTime: constant(2_000) }],
 *   arrivals: constantRate(1_000),
 *   service: { policy: 'peak_ewma' },
 * });
 * report.successRatio(1_000); // 0.9994…
 * ```
 *
 * Throws FAIRLEAD_INVALID_OPTION for a simulation that cannot be run, and what `createMesh` throws.
 */
export function simulate(simulation: Simulation): SimulationReport {
  const read = readSimulation(simulation);
  const { seed, faults, durationMs, clients } = read;
  const clock = new ManualClock();
  const ids = read.servers.map(({ id }) => id);
  const models = new Map(
    read.servers.map((server, index) => {
      const own = faults.filter((fault) => serversOf(fault).includes(server.id));
      const random = seededRandom(derive(seed, SERVER_STREAM + index));
      return [server.id, new ServerModel(server.id, server, own, clock, random)] as const;
    }),
  );
  const recorder = new Recorder(ids, read.warmupMs, () => clock.now());
  const script = discoveryScript(read.servers, faults);
  const resolver = scriptedResolver({ clock, script: { [SERVICE]: script } });
  for (let client = 0; client < clients; client++) {
    const random = seededRandom(derive(seed, CLIENT_STREAM + client));
    const mesh = createMesh({ resolver, clock, random, policies: read.policies ?? [] });
    const service = mesh.service(SERVICE, read.service);
    service.on('ejected', ({ endpoint, signal, enforced }) => {
      if (enforced) recorder.ejected(clock.now(), client, endpoint.spec.id, signal);
    });
    read.observe?.(service, client);
    const context = { clock, service, models, behaviour: read, recorder };
    // Arrivals and keys do not share the policy's dice: every policy meets the very same calls.
    startCalls(read, context, seededRandom(derive(seed, ARRIVAL_STREAM + client)));
  }
  clock.advance(durationMs);
  const drainUntilMs = durationMs + read.drainMs;
  while (recorder.open > 0 && clock.now() < drainUntilMs) clock.advance(DRAIN_STEP_MS);
  return recorder.report();
}

/** How often it is looked whether all calls are answered; costs nothing and decides nothing. */
const DRAIN_STEP_MS = 100;

function startCalls(simulation: SimulationSettings, context: CallContext, random: Random): void {
  const { arrivals, durationMs, key } = simulation;
  const { clock, recorder } = context;
  const call = (ended?: () => void): void => {
    recorder.open++;
    new SimulatedCall(context, key?.(random), ended);
  };
  if ('callers' in arrivals) {
    const thinkMs = (): number => drawn(arrivals.thinkMs(random), 'simulation.arrivals.thinkMs');
    const again = (): void => {
      const beganMs = clock.now();
      if (beganMs >= durationMs) return;
      call(() => {
        const leastMs = clock.now() > beganMs ? 0 : LEAST_PAUSE_MS;
        clock.after(Math.max(thinkMs(), leastMs), again);
      });
    };
    // Callers do not begin in one instant: each pauses once before.
    for (let caller = 0; caller < arrivals.callers; caller++) clock.after(thinkMs(), again);
    return;
  }
  const arrive = (): void => {
    if (clock.now() >= durationMs) return;
    call();
    clock.after(drawnGap(arrivals.gapMs(random, clock.now()), 'simulation.arrivals.gapMs'), arrive);
  };
  clock.after(0, arrive);
}

/**
 * A caller whose call took no time, as there was no endpoint for it, pauses so long at least: else
 * it would call for ever in the same moment.
 */
const LEAST_PAUSE_MS = 1;

/**
 * Discovery lists every server, but for those that an `unlist` fault hides; one list per moment of
 * change.
 */
function discoveryScript(servers: readonly ServerSettings[], faults: readonly Fault[]): ScriptStep[] {
  const hidden = faults.filter((fault) => fault.kind === 'unlist');
  const moments = new Set([0, ...hidden.map((fault) => fault.fromMs), ...hidden.map(endOf)]);
  moments.delete(Number.POSITIVE_INFINITY);
  return [...moments].map((atMs) => ({
    atMs,
    snapshot: servers.flatMap((server, index) => {
      const { id } = server;
      const isHidden = hidden.some(
        (fault) => serversOf(fault).includes(id) && atMs >= fault.fromMs && atMs < endOf(fault),
      );
      if (isHidden) return [];
      const { serviceTime: _, concurrency: __, queueLimit: ___, ...spec } = server;
      return [{ ...spec, id, host: '127.0.0.1', port: FIRST_PORT + (index % PORTS) }];
    }),
  }));
}

const FIRST_PORT = 1;
const PORTS = 65_535;

/** Streams of dice that do not touch each other. */
const CLIENT_STREAM = 0;
const ARRIVAL_STREAM = 1_000_000;
const SERVER_STREAM = 2_000_000;

/** A seed for each stream: the finalizer of MurmurHash3 parts neighbouring ones. */
function derive(seed: number, stream: number): number {
  return mix32(Math.imul(seed, 0x9e3779b1) ^ stream);
}
