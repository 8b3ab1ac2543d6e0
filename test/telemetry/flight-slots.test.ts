import { expect, it } from 'vitest';
import { doubleOf, FlightSlots, Word, wordOf } from '../../src/telemetry/flight-slots.js';

const FLOATS: readonly number[] = [Word.ewmaMs, Word.weight];

/** Another value for each figure of each slot. */
function fill(slots: FlightSlots): void {
  for (let slot = 0; slot < slots.size; slot++) {
    slots.doubles[doubleOf(slot)] = slot + 0.25;
    for (const word of Object.values(Word)) {
      (FLOATS.includes(word) ? slots.floats : slots.words)[wordOf(slot) + word] = 100 * slot + word;
    }
  }
}

function read(slots: FlightSlots): number[][] {
  return Array.from({ length: slots.size }, (_, slot) => [
    slots.doubles[doubleOf(slot)]!,
    ...Object.values(Word).map((word) => (FLOATS.includes(word) ? slots.floats : slots.words)[wordOf(slot) + word]!),
  ]);
}

it('every figure of every decision has a place of its own, in one block of 48 bytes a decision', () => {
  const slots = new FlightSlots(64);
  fill(slots);
  expect(read(slots)).toEqual(
    Array.from({ length: 64 }, (_, slot) => [slot + 0.25, ...Object.values(Word).map((word) => 100 * slot + word)]),
  );
  expect(new Set([slots.doubles.buffer, slots.words.buffer, slots.floats.buffer]).size).toBe(1);
  expect(slots.words.byteLength).toBe(64 * 48);
});

it('a copy stays as it is', () => {
  const slots = new FlightSlots(4);
  fill(slots);
  const [copy, before] = [slots.copy(), read(slots)];
  slots.words.fill(7);
  expect(read(copy)).toEqual(before);
});
