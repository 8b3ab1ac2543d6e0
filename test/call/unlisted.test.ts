import { createMesh, FairleadError, type Mesh } from 'fairlead';
import { Connecting, callPlanning } from 'fairlead/adapter';
import { ManualClock, scriptedResolver, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints } from '../support/mesh.js';

const UNLISTED_AT_MS = 100;

/** Discovery says after a while that there is no service 'users', and lists it much later. */
function scene(): { mesh: Mesh; clock: ManualClock } {
  const clock = new ManualClock();
  const error = new FairleadError('FAIRLEAD_UNLISTED', "No service 'users'.", { service: 'users' });
  const script = {
    users: [
      { atMs: UNLISTED_AT_MS, error },
      { atMs: 3_000, snapshot: endpoints(1) },
    ],
  };
  return { mesh: createMesh({ resolver: scriptedResolver({ clock, script }), clock, random: seededRandom(1) }), clock };
}

const unlisted = { code: 'FAIRLEAD_NO_ENDPOINT', cause: { code: 'FAIRLEAD_UNLISTED' } };

describe('what waits for a first endpoint ends as soon as discovery says that there is no such service', () => {
  it.each([
    ['a call', (mesh: Mesh) => mesh.service('users').call(() => 1)],
    [
      'a call of a subset',
      (mesh: Mesh) =>
        mesh
          .service('users')
          .subset({ usable: () => true })
          .call(() => 1),
    ],
    [
      'a connection that is to be made',
      (mesh: Mesh, clock: ManualClock) => {
        const service = mesh.service('users');
        return new Promise((resolve, reject) => {
          new Connecting(
            { service, planning: callPlanning(service), clock },
            {},
            () => () => undefined,
            (thrown, lease) => (thrown === undefined ? resolve(lease) : reject(thrown)),
          );
        });
      },
    ],
  ])('%s', async (_, begin) => {
    const { mesh, clock } = scene();
    let ended: unknown;
    begin(mesh, clock).catch((thrown: unknown) => {
      ended = thrown;
    });
    await clock.advanceAsync(UNLISTED_AT_MS - 1);
    expect(ended).toBeUndefined();
    await clock.advanceAsync(1);
    expect(ended).toMatchObject(unlisted);
  });

  it('and is told what one that begins then is told', async () => {
    const { mesh, clock } = scene();
    const users = mesh.service('users');
    const waited = users.call(() => 1).catch((thrown: Error) => thrown.message);
    await clock.advanceAsync(UNLISTED_AT_MS);
    const begun = await users.call(() => 1).catch((thrown: Error) => thrown.message);
    expect(await waited).toBe(begun);
  });

  it('ready() goes on: a list may come', async () => {
    const { mesh, clock } = scene();
    const users = mesh.service('users');
    let ready = false;
    void users.ready().then(() => {
      ready = true;
    });
    await clock.advanceAsync(2_999);
    expect(ready).toBe(false);
    await clock.advanceAsync(1);
    expect(ready).toBe(true);
  });
});
