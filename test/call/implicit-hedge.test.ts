import type { CallOptions, Endpoint } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/**
 * One call over two endpoints: the first answers after `firstMs` or never, the one beside it
 * `besideMs` after it was asked. Returns how often the first one counts as failed.
 */
async function failuresOfTheSlow(besideMs: number, call: CallOptions = {}): Promise<number> {
  const { mesh, clock } = testMesh({ users: endpoints(2) });
  const users = mesh.service('users', {
    policy: 'round_robin',
    ...('hedge' in call && { resilience: { hedge: true } }),
  });
  const asked: Endpoint[] = [];
  const answer = users.call(
    (endpoint) =>
      new Promise<string>((resolve) => {
        asked.push(endpoint);
        if (asked.length === 2) clock.after(besideMs, () => resolve('answer'));
      }),
    { idempotent: true, ...call },
  );
  await clock.advanceAsync(500);
  expect(asked).toHaveLength(2);
  await clock.advanceAsync(besideMs);
  await expect(answer).resolves.toBe('answer');
  return asked[0]!.failures;
}

describe('an idempotent call that is hedged after 500 ms because nothing was said of hedging', () => {
  it('takes the endpoint that was overtaken for one that hangs where the other one took a quarter of its time', async () => {
    // 500 ms and those of the other one are four times as long as the other one took.
    expect(await failuresOfTheSlow(166)).toBe(1);
  });

  it('says nothing of it where the other one took longer: the service may be slow, or this process busy', async () => {
    expect(await failuresOfTheSlow(167)).toBe(0);
  });

  it('goes by every overtaking where hedging was asked for', async () => {
    expect(await failuresOfTheSlow(400, { hedge: { afterMs: 500 } })).toBe(1);
  });
});
