import type { Operation } from '../../history.js';
import type { RunRecord, Violation } from '../../part.js';
import { type Call, callsByClient, Places } from './attempts.js';
import type { CallsPlan } from './plan.js';

/** A call reads the time after its endpoint was chosen; ms. */
const READS_MS = 50;

/**
 * A session is where its first call went, and moves only where its client says so; while its server
 * is full it is served elsewhere, and stays bound. Looked at are sessions of one client, whose
 * process alone decides about them.
 */
export function checkHomes({ operations, schedule }: RunRecord): Violation[] {
  const { sessions, limits } = schedule.options as unknown as CallsPlan;
  if (sessions === undefined) return [];
  const violations: Violation[] = [];
  for (const [client, calls] of callsByClient(operations)) {
    const told = operations.filter((operation) => operation.client === client);
    const moves = movesOf(told);
    // Who finds no room is placed by its key, and goes where that says when servers come and go.
    const fullMs = told.find(({ name }) => name === 'full')?.invokedMs ?? Number.POSITIVE_INFINITY;
    const places = new Places(calls);
    const most = limits?.maxInflightPerEndpoint ?? Number.POSITIVE_INFINITY;
    for (const [key, mine] of bySession(calls, client)) {
      const all = attemptsOf(mine);
      // It is bound as its first call goes out.
      if (all[0] === undefined || all[0].atMs >= fullMs - READS_MS) continue;
      const steps = [...(moves.get(mine[0]!.asked.hash!) ?? [])];
      let home: string | undefined;
      for (const { server, atMs, operation } of all) {
        while (steps.length > 0 && steps[0]!.atMs < atMs) home = steps.shift()!.to;
        home ??= server;
        const isFull = places.mostAt(home, atMs - READS_MS, atMs + READS_MS) >= most;
        if (server === home || isFull || movesSoon(steps, atMs)) continue;
        const says = `'${key}' of ${client} is at ${home}, and a call went to ${server}`;
        violations.push({ promise: 'session: it went elsewhere, and was not moved', says, operations: [operation] });
        home = server;
      }
    }
  }
  return violations;
}

interface Move {
  readonly to: string | undefined;
  readonly atMs: number;
}

/** What one client said of its sessions, by their hashes. */
function movesOf(told: readonly Operation[]): Map<string, Move[]> {
  const moves = new Map<string, Move[]>();
  for (const { name, key, input, invokedMs } of told) {
    if (name !== 'moved') continue;
    const { to } = input as { to?: string };
    moves.set(key, [...(moves.get(key) ?? []), { to, atMs: invokedMs }]);
  }
  return moves;
}

/** It is told as it happens: the same moment, as far as two readings of the time can say. */
const movesSoon = (steps: readonly Move[], atMs: number): boolean => steps[0] !== undefined && steps[0].atMs - atMs < 1;

/** Calls of sessions that no other client has. */
function bySession(calls: readonly Call[], client: string): Map<string, Call[]> {
  const sessions = new Map<string, Call[]>();
  for (const call of calls) {
    const { key } = call.asked;
    if (key?.startsWith(`${client}/`)) sessions.set(key, [...(sessions.get(key) ?? []), call]);
  }
  return sessions;
}

function attemptsOf(calls: readonly Call[]): { server: string; atMs: number; operation: Operation }[] {
  return calls
    .flatMap(({ attempts, operation }) => attempts.map(({ server, atMs }) => ({ server, atMs, operation })))
    .sort((a, b) => a.atMs - b.atMs);
}

/**
 * A session moves because its server left, is out of use, or failed this very call; not because it
 * had no place for a moment.
 */
export function checkMoves({ operations }: RunRecord): Violation[] {
  const violations: Violation[] = [];
  for (const [client, calls] of callsByClient(operations)) {
    const told = operations.filter((operation) => operation.client === client);
    for (const event of told.filter(({ name }) => name === 'moved')) {
      const { from, reason } = event.input as { from: string; reason: string };
      // It was there, and is asked for again elsewhere.
      const hasTried = calls.some(({ asked, attempts, operation }) => {
        if (asked.hash !== event.key || operation.endedMs < event.invokedMs) return false;
        return attempts.some(({ server, atMs }) => server === from && atMs < event.invokedMs);
      });
      if ((reason !== 'tried' || hasTried) && (reason !== 'unavailable' || !isInUse(told, from, event.invokedMs)))
        continue;
      const says = `${client} says that it left ${from}: ${reason}`;
      violations.push({ promise: 'session: it was moved without a reason', says, operations: [event] });
    }
  }
  return violations;
}

/** Whether a client has used a server all the time around a moment. */
function isInUse(told: readonly Operation[], server: string, atMs: number): boolean {
  const lists = told.filter(({ name, invokedMs }) => name === 'in-use' && invokedMs < atMs + READS_MS);
  const since = lists.findLastIndex(({ invokedMs }) => invokedMs < atMs - READS_MS);
  return since >= 0 && lists.slice(since).every(({ input }) => (input as string[]).includes(server));
}

/**
 * The end, in quiet: who asks last finds a session where the store has it. A client makes good what it
 * could not write when it next sees the session, so that those before may have found something older.
 */
export function checkShared({ operations, schedule }: RunRecord): Violation[] {
  const { sessions } = schedule.options as unknown as CallsPlan;
  if (sessions !== 'store' || operations.some(({ name }) => name === 'full')) return [];
  const stored = new Map(operations.filter(({ name }) => name === 'stored').map(({ key, output }) => [key, output]));
  const answers = operations.filter(({ name, outcome }) => name === 'final-session' && outcome === 'ok');
  const last = answers.at(-1)?.client;
  return answers.flatMap((answer) => {
    const { hash } = answer.input as { hash: string };
    const { server } = answer.output as { server: string };
    if (answer.client !== last || stored.get(hash) === server) return [];
    const says = `${answer.client} finds '${answer.key}' at ${server}, and the store has ${String(stored.get(hash))}`;
    return [{ promise: 'session: clients and their store do not agree', says, operations: [answer] }];
  });
}
