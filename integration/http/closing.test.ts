import { createDispatcher } from 'fairlead/http';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { Backend, meshOf } from './support.js';

it.each([
  ['that acquire() serves alone', {}],
  ['within call()', { resilience: { deadlineMs: 60_000 } }],
])(
  'requests %s end in time, or are broken off at the deadline of the mesh, bodies too, and are counted',
  async (_, options) => {
    const waiting: (() => void)[] = [];
    await using backend = await new Backend('a', (asked, response) => {
      if (asked.url === '/slow') waiting.push(() => response.end('late'));
      else if (asked.url === '/body') response.write('half');
    }).listen();
    const mesh = meshOf([backend.port], options);
    const dispatcher = createDispatcher(mesh);
    const ask = (path: string): Promise<unknown> =>
      request(`http://users${path}`, { dispatcher })
        .then(({ body }) => body.text())
        .catch((error: unknown) => error);
    const asked = [ask('/slow'), ask('/never'), ask('/body')];
    await expect.poll(() => backend.requests.length).toBe(3);
    const closed = mesh.close({ deadlineMs: 400 });
    waiting[0]!();
    expect(await asked[0]).toBe('late');
    await closed;
    for (const end of await Promise.all(asked.slice(1))) expect(end).toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(mesh.service('users').callStats.brokenOff).toBe(2);
    await expect.poll(() => backend.connected).toBe(0);
  },
);
