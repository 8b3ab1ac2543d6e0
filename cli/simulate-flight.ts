import { readFile } from 'node:fs/promises';
import type { Flight, PolicyName } from '../src/index.js';
import { replayFlight } from '../src/testing/index.js';
import { ask } from './admin-client.js';
import { type CommandInput, given, givenNumber, type Io, UsageError } from './command.js';
import { type Comparison, measuredOf } from './simulation.js';
import { clean } from './terminal.js';

/** Whether a flight is asked for, by a file or of a process. */
export function isOfFlight(input: CommandInput): boolean {
  return given(input, 'flight') !== undefined || given(input, 'admin') !== undefined;
}

/** Rejects with a UsageError for what is no flight, and for a service that records none. */
export async function readFlight(input: CommandInput, io: Io): Promise<Flight> {
  const [path, admin] = [given(input, 'flight'), given(input, 'admin')];
  if (path !== undefined && admin !== undefined) throw new UsageError('Give --flight or --admin, not both.');
  if (path !== undefined) return parsed(path, await textOf(path));
  const service = given(input, 'service');
  if (service === undefined) throw new UsageError('Which service of it? Give --service.');
  const query = new URLSearchParams({ service });
  if (input.values.frozen === true) query.set('frozen', 'latest');
  return ask<Flight>(admin!, `api/flight?${query}`, io);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    throw new UsageError(`${path} cannot be read (${(thrown as NodeJS.ErrnoException).code ?? 'unknown'}).`);
  }
}

function parsed(path: string, text: string): Flight {
  try {
    return JSON.parse(text) as Flight;
  } catch {
    throw new UsageError(`${path} is not JSON: a flight is what JSON.stringify(service.flight.read()) makes.`);
  }
}

/** Policies by key say something only where calls had keys. */
export function hasKeys({ key }: Flight): boolean {
  return Array.isArray(key) && key.some((each) => each !== 0);
}

/** What became of the recorded calls, and what each policy would have made of them. */
export function compareByFlight(flight: Flight, policies: readonly PolicyName[], input: CommandInput): Comparison {
  const seed = givenNumber(input, 'seed', 1, 0, 2 ** 31);
  try {
    const replays = policies.map((policy) => ({ policy, ...replayFlight(flight, { policy, seed }) }));
    const untilMs = flight.atMs.at(-1)! + 1;
    const { recorded } = replays[0]!;
    return {
      title: titleOf(flight),
      fromMs: 0,
      untilMs,
      measured: [
        measuredOf(`as it was, ${clean(flight.policy)}`, recorded, 0, untilMs),
        ...replays.map(({ policy, replayed }) => measuredOf(policy, replayed, 0, untilMs)),
      ],
    };
  } catch (thrown) {
    const { code, message } = thrown as Error & { readonly code?: string };
    if (code === 'FAIRLEAD_INVALID_OPTION') throw new UsageError(message);
    throw thrown;
  }
}

function titleOf({ service, fromMs, reason, every }: Flight): string {
  const when = fromMs === null ? '' : ` from ${new Date(fromMs).toISOString()}`;
  const why = reason === null ? '' : `, kept for ${clean(reason)}`;
  return `${clean(service)}${when}${why}${every > 1 ? `, one call of ${every}` : ''}`;
}
