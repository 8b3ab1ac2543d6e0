/**
 * What a million sessions take: `node --expose-gc --conditions=fairlead-source --import tsx
 * bench/affinity-memory.ts`.
 */
import { randomUUID } from 'node:crypto';
import { memoryStore } from '../src/affinity/memory-store.js';
import { systemClock } from '../src/runtime/clock.js';

const SESSIONS = 1_000_000;
const MB = 1_000_000;

function memoryBytes(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const before = memoryBytes();
const store = memoryStore({ clock: systemClock, ttlMs: 1_800_000, capacity: SESSIONS });
const empty = memoryBytes();
const endpointIds = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}:8080`);
const startMs = performance.now();
for (let i = 0; i < SESSIONS; i++) store.set(randomUUID(), endpointIds[i % 100]!);
const tookMs = performance.now() - startMs;
const full = memoryBytes();

console.log(`${store.size} sessions, keys of 36 characters`);
console.log(`empty table      ${((empty - before) / MB).toFixed(1)} MB`);
console.log(`full             ${((full - before) / MB).toFixed(1)} MB`);
console.log(`per new session  ${((tookMs / SESSIONS) * 1_000).toFixed(2)} µs`);
