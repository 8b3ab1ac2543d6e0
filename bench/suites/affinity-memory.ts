import { randomUUID } from 'node:crypto';
import { systemClock } from 'fairlead';
import { SessionTable } from '../../src/affinity/session-table.js';
import type { Contender, Suite } from '../runner/suite.js';

/** One operation is one new session; the figures are of the table that they fill. */
const SESSIONS = 1_000_000;
const MB = 1_000_000;
declare const gc: (() => void) | undefined;

function memoryBytes(): number {
  gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** As they are in a client: ids that all sessions of an endpoint share, keys in one piece. */
const ENDPOINTS = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}:8080`);
const key = (): string => Buffer.from(randomUUID(), 'latin1').toString('latin1');

const filling = (make: () => { set(key: string, endpoint: string): unknown }) => (): Contender => ({
  run: (operations) => {
    const before = memoryBytes();
    const table = make();
    const emptyMB = (memoryBytes() - before) / MB;
    for (let i = 0; i < operations; i++) table.set(key(), ENDPOINTS[i % ENDPOINTS.length]!);
    const figures = { emptyMB, fullMB: (memoryBytes() - before) / MB };
    // Alive until here.
    table.set('last', '');
    return figures;
  },
});

export const suite: Suite = {
  about: 'what a million sticky sessions take, beside a Map',
  rounds: 3,
  cases: [
    {
      title: 'a million sessions, keys of 36 characters',
      operations: SESSIONS,
      baseline: 'a Map',
      measure: 'fullMB',
      warmups: 0,
      contenders: {
        'a Map': filling(() => new Map<string, string>()),
        'the table of affinity': filling(
          () => new SessionTable<string>({ clock: systemClock, ttlMs: 1_800_000, capacity: SESSIONS }),
        ),
      },
    },
  ],
};
