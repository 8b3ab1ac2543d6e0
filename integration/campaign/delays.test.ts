import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { watchDelays } from './delays.js';

const block = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

it('tells of one long delay, and of many short ones', async () => {
  const spans: number[] = [];
  const end = watchDelays((fromMs, overMs) => spans.push(overMs - fromMs));
  block(300);
  await sleep(30);
  expect(spans.some((ms) => ms >= 300)).toBe(true);
  await sleep(1_100);
  const before = spans.length;
  for (let i = 0; i < 9; i++) {
    block(90);
    await sleep(0);
  }
  await sleep(30);
  end();
  expect(spans.length).toBeGreaterThan(before);
});
