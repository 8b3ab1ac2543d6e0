import type { RoutingKey } from '../../runtime/context.js';
import {
  callback,
  integer,
  invalidOption,
  number,
  optional,
  type Reader,
  readOptions,
  type Schema,
  unchecked,
} from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import type { Arrivals } from './arrivals.js';
import type { Distribution } from './distributions.js';
import { endOf, type Fault } from './faults.js';
import type { SimulatedServer } from './server.js';
import type { Simulation } from './simulation.js';

export interface ServerSettings extends SimulatedServer {
  readonly id: string;
}

/** A simulation with its defaults. */
export interface SimulationSettings {
  readonly seed: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly drainMs: number;
  readonly servers: readonly ServerSettings[];
  readonly faults: readonly Fault[];
  readonly arrivals: Arrivals;
  readonly clients: number;
  readonly service: Simulation['service'];
  readonly policies: Simulation['policies'];
  readonly key: ((random: Random) => RoutingKey) | undefined;
  readonly observe: Simulation['observe'];
  readonly timeoutMs: number | undefined;
  readonly retry: Simulation['retry'];
  readonly hedgeAfterMs: number | undefined;
}

/** Thirty years of simulated time. */
const LONGEST_MS = 1e12;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** Throws FAIRLEAD_INVALID_OPTION for a simulation that cannot be run. */
export function readSimulation(simulation: Simulation): SimulationSettings {
  const read = readOptions<SimulationSettings>('simulation', simulation, {
    seed: integer(1, -(2 ** 31), 2 ** 32),
    durationMs: required(number(0, 0, LONGEST_MS), `a number from 0 to ${LONGEST_MS}`),
    warmupMs: number(0, 0, LONGEST_MS),
    drainMs: number(60_000, 0, LONGEST_MS),
    servers,
    faults,
    arrivals,
    clients: integer(1, 1, 100_000),
    service: unchecked(),
    policies: unchecked(),
    key: callback(),
    observe: callback(),
    timeoutMs: optional(number(0, 0, LONGEST_MS)),
    retry: callback(),
    hedgeAfterMs: optional(number(0, 0, LONGEST_MS)),
  });
  const ids = new Set(read.servers.map(({ id }) => id));
  if (ids.size < read.servers.length)
    throw invalidOption('simulation.servers', simulation.servers, 'servers of different ids');
  read.faults.forEach((fault, index) => {
    const unknown = serversOf(fault).find((id) => !ids.has(id));
    if (unknown !== undefined) {
      throw invalidOption(`simulation.faults[${index}].server`, unknown, `one of ${[...ids].join(', ')}`);
    }
  });
  return read;
}

/** The ids of the servers that it happens to. */
export function serversOf({ server }: Fault): readonly string[] {
  return typeof server === 'string' ? [server] : server;
}

const distribution = callback<Distribution>();

/** What else discovery reports of it is read as discovery's. */
const serverSchema: Schema<{ [Key in keyof Omit<SimulatedServer, 'id'>]-?: unknown } & { id: unknown }> = {
  serviceTime: required(distribution as Reader<unknown>, 'a distribution, such as normal(167, 5)'),
  concurrency: optional(number(1, 1, UNLIMITED)),
  queueLimit: optional(number(0, 0, UNLIMITED)),
  id: unchecked(),
  weight: unchecked(),
  priority: unchecked(),
  zone: unchecked(),
  tags: unchecked(),
  meta: unchecked(),
  healthy: unchecked(),
  registeredWeight: unchecked(),
};

const servers: Reader<readonly ServerSettings[]> = (value, name) => {
  if (!Array.isArray(value) || value.length === 0)
    throw invalidOption(name, value, 'an array with at least one server');
  return value.map((server: SimulatedServer, index) => {
    readOptions(`${name}[${index}]`, server, serverSchema);
    return { ...server, id: server.id ?? `s${index}` };
  });
};

const faults: Reader<readonly Fault[]> = (value, name) => {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalidOption(name, value, 'an array of faults');
  for (const [index, fault] of value.entries()) readFault(fault, `${name}[${index}]`);
  return value;
};

/** What each kind has besides where and when. */
const KINDS: Readonly<Record<Fault['kind'], Readonly<Record<string, Reader<unknown>>>>> = {
  slow: { serviceTime: distribution, factor: optional(number(1, 0, LONGEST_MS)) },
  stall: {},
  fail: { ratio: number(1, 0, 1), after: distribution, outcome: optional(integer(0, 0, 100)) },
  kill: {},
  unlist: {},
};

function readFault(fault: Fault, name: string): void {
  const kind = fault?.kind;
  if (!Object.hasOwn(KINDS, kind)) throw invalidOption(`${name}.kind`, kind, `one of ${Object.keys(KINDS).join(', ')}`);
  readOptions<object>(name, fault, {
    kind: unchecked(),
    server: unchecked(),
    fromMs: required(number(0, 0, LONGEST_MS), 'a number from 0'),
    untilMs: optional(number(0, 0, UNLIMITED)),
    ...KINDS[kind],
  } as Schema<object>);
  if (!(fault.fromMs < endOf(fault))) throw invalidOption(`${name}.fromMs`, fault.fromMs, 'a number before untilMs');
  if (fault.kind === 'slow' && fault.factor === undefined && fault.serviceTime === undefined) {
    throw invalidOption(`${name}.factor`, undefined, 'a number, where there is no serviceTime');
  }
}

const arrivals: Reader<Arrivals> = (value, name) => {
  const { gapMs, callers, thinkMs } = (value ?? {}) as Record<string, unknown>;
  const isClosed = Number.isInteger(callers) && (callers as number) > 0 && typeof thinkMs === 'function';
  if (typeof gapMs === 'function' || isClosed) return value as Arrivals;
  throw invalidOption(name, value, 'how calls arrive, such as poisson(100) or closedLoop(10)');
};

function required<T>(reader: Reader<T>, allowed: string): Reader<T> {
  return (value, name) => {
    if (value === undefined) throw invalidOption(name, value, allowed);
    return reader(value, name);
  };
}
