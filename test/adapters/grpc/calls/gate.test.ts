import { describe, expect, it } from 'vitest';
import { CallGate, waitingPick } from '../../../../adapters/grpc/calls/gate.js';
import { testMesh } from '../../../support/mesh.js';

const EAGER = { waitsForReady: false };
const PATIENT = { waitsForReady: true };

function setUp() {
  const { clock } = testMesh({});
  const gate = new CallGate(clock);
  const went: string[] = [];
  const wait = (call: object & { waitsForReady: boolean }, name: string): void =>
    void gate.wait(call).then(() => went.push(name));
  return { clock, gate, went, wait };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the gate of a channel', () => {
  it('lets no call through before there is a connection, then all, in the order they came', async () => {
    const { gate, went, wait } = setUp();
    expect(gate.lets(EAGER)).toBe(false);
    wait(EAGER, 'first');
    wait(PATIENT, 'second');
    gate.turn('closed', { whyWaiting: () => 'connecting' });
    await settled();
    expect(went).toEqual([]);
    gate.turn('open', { whyWaiting: () => '' });
    await settled();
    expect(went).toEqual(['first', 'second']);
    expect(gate.lets(EAGER)).toBe(true);
  });

  it('lets those fail that do not wait for ready, and keeps the others', async () => {
    const { gate, went, wait } = setUp();
    wait(PATIENT, 'patient');
    wait(EAGER, 'eager');
    gate.turn('failing', { whyWaiting: () => 'all servers are down' });
    await settled();
    expect(went).toEqual(['eager']);
    expect(gate.leave(PATIENT)).toBe('all servers are down');
  });

  it('gives a call that left no turn, and says nothing to one that did not wait', async () => {
    const { gate, went, wait } = setUp();
    wait(EAGER, 'eager');
    gate.turn('closed', { whyWaiting: () => 'connecting' });
    expect(gate.leave(EAGER)).toBe('connecting');
    expect(gate.leave(EAGER)).toBeUndefined();
    gate.turn('open', { whyWaiting: () => '' });
    await settled();
    expect(went).toEqual([]);
  });

  it('keeps nobody when it closes, and lets nobody in any longer', async () => {
    const { gate, went, wait } = setUp();
    wait(PATIENT, 'patient');
    gate.close();
    await settled();
    expect(went).toEqual(['patient']);
    expect(gate.lets(EAGER)).toBe(false);
  });

  it('holds the process while a call waits, and no longer', () => {
    const { clock, gate, wait } = setUp();
    const idle = clock.pending;
    wait(EAGER, 'eager');
    wait(PATIENT, 'patient');
    expect(clock.pending).toBe(idle + 1);
    gate.leave(EAGER);
    expect(clock.pending).toBe(idle + 1);
    gate.turn('open', { whyWaiting: () => '' });
    expect(clock.pending).toBe(idle);
  });

  it('is picked again once it has turned, as a connection that was lost is', async () => {
    const { gate } = setUp();
    const { subchannel } = waitingPick(gate.wait(EAGER));
    const fetched = subchannel!.getCallCredentials().generateMetadata({ method_name: 'm', service_url: 's' });
    let done = false;
    void fetched.then(() => {
      done = true;
    });
    await settled();
    expect(done).toBe(false);
    gate.turn('open', { whyWaiting: () => '' });
    expect((await fetched).getMap()).toEqual({});
  });
});
