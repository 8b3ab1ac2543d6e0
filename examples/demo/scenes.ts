import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from './fleet.js';
import type { Neighbours } from './neighbours/neighbours.js';
import type { Screen } from './screen.js';
import type { Watch } from './watch.js';

/**
 * Mean service times in milliseconds: a good balancer gives the fast ones more and the slow one
 * little.
 */
export const FIRST_SERVERS: Readonly<Record<string, number>> = { alder: 4, birch: 6, cedar: 8, dogwood: 40 };
const LATER_SERVERS: Readonly<Record<string, number>> = { elm: 5, fir: 5 };

/** Something the demo claims, and whether it was so. */
export interface Finding {
  readonly claim: string;
  readonly ok: boolean;
  /** How long it took to come true. */
  readonly afterMs: number;
}

interface Stage {
  readonly fleet: Fleet;
  readonly neighbours: Neighbours;
  readonly watch: Watch;
  readonly screen: Screen;
}

/** How long what should happen at once may take on a busy machine. */
const PATIENCE_MS = 8_000;
const POLL_MS = 20;
const QUIET_MS = 400;

/** The play: about half a minute, in which the servers have a bad day. */
export async function play(stage: Stage, signal: AbortSignal): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const check = async (claim: string, holds: () => boolean): Promise<void> => {
    const startMs = performance.now();
    findings.push({ claim, ok: await eventually(holds, signal), afterMs: performance.now() - startMs });
  };
  const { fleet, neighbours, watch, screen } = stage;

  screen.scene('Four servers, one of them slow: watch who gets how many calls.');
  await check('every server gets calls', () => Object.keys(FIRST_SERVERS).every((id) => watch.callsOf(id) > 0));
  await pause(5_000, signal);

  screen.scene('Killing birch.');
  watch.note('birch', 'killed');
  fleet.kill('birch');
  await check('a killed server gets no more calls', quiet(watch, 'birch'));
  await pause(5_000, signal);

  screen.scene('Hanging cedar: it keeps its connections and answers nothing.');
  watch.note('cedar', 'hung');
  fleet.hang('cedar');
  await check('a hung server gets no more calls', quiet(watch, 'cedar'));
  await pause(5_000, signal);

  if (neighbours.totals.length > 0) {
    screen.scene('Killing a server of the catalog, which is asked by HTTP.');
    neighbours.hurt();
  }

  screen.scene('Waking cedar.');
  watch.note('cedar', 'was hung');
  const cedarBefore = watch.callsOf('cedar');
  fleet.wake('cedar');
  await check('a server that answers again is used again', () => usedSince(watch, 'cedar', cedarBefore));
  await pause(3_000, signal);

  screen.scene('Starting birch anew.');
  const birchBefore = watch.callsOf('birch');
  await fleet.start('birch', FIRST_SERVERS.birch!);
  watch.note('birch', 'restarted');
  await check('a restarted server is used again', () => usedSince(watch, 'birch', birchBefore));
  await pause(3_000, signal);

  screen.scene('Two more servers.');
  await Promise.all(Object.entries(LATER_SERVERS).map(([id, delayMs]) => fleet.start(id, delayMs)));
  for (const id of Object.keys(LATER_SERVERS)) watch.note(id, 'new');
  await check('new servers are used', () => Object.keys(LATER_SERVERS).every((id) => usedSince(watch, id, 0)));
  await pause(5_000, signal);
  return findings;
}

/** Holds once the server was given no call for a while in which there were a hundred. */
function quiet(watch: Watch, id: string): () => boolean {
  let calls = watch.callsOf(id);
  let sinceMs = performance.now();
  return () => {
    if (watch.callsOf(id) !== calls) {
      calls = watch.callsOf(id);
      sinceMs = performance.now();
    }
    return performance.now() - sinceMs > QUIET_MS;
  };
}

function usedSince(watch: Watch, id: string, calls: number): boolean {
  return watch.isReady(id) && watch.callsOf(id) > calls;
}

async function eventually(holds: () => boolean, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > deadline) return false;
    await pause(POLL_MS, signal);
  }
  return true;
}

function pause(forMs: number, signal: AbortSignal): Promise<void> {
  return sleep(forMs, undefined, { signal });
}
