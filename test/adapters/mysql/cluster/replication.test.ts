import { beforeEach, describe, expect, it } from 'vitest';
import { GtidPosition } from '../../../../adapters/mysql/cluster/gtid.js';
import type { Probe } from '../../../../adapters/mysql/cluster/probe.js';
import { Replication } from '../../../../adapters/mysql/cluster/replication.js';

const SOURCE = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const endpoint = (id: string) => ({ spec: { id } }) as never;
const [a, b, c] = [endpoint('a'), endpoint('b'), endpoint('c')];

let replication: Replication;
beforeEach(() => {
  replication = new Replication();
});

/** A look that began at `atMs` and was answered a millisecond later. */
function look(at: never, role: 'primary' | 'replica', transactions: number, atMs: number): boolean {
  const positionText = `${SOURCE}:1-${transactions}`;
  const probe: Probe = {
    readOnly: role === 'replica',
    flavor: 'mysql',
    position: GtidPosition.parse(positionText),
    positionText,
    identity: '',
    reconnected: false,
    atMs,
  };
  return replication.probed(at, probe, atMs + 1);
}

const ids = (endpoints: readonly unknown[]): string[] =>
  endpoints.map((each) => (each as { spec: { id: string } }).spec.id);

describe('lag', () => {
  it('is the age of the oldest position of the primary that a replica does not have', () => {
    look(a, 'primary', 10, 0);
    look(a, 'primary', 20, 100);
    look(a, 'primary', 30, 200);
    look(b, 'replica', 10, 250);
    expect(replication.stateOf(b).lagMs).toBe(151);
    look(b, 'replica', 30, 260);
    expect(replication.stateOf(b).lagMs).toBe(0);
  });

  it('grows while a replica stands still, though the primary rests as well', () => {
    look(a, 'primary', 10, 0);
    look(a, 'primary', 20, 100);
    look(b, 'replica', 10, 1_099);
    expect(replication.stateOf(b).lagMs).toBe(1_000);
  });

  it('is not known before a primary is', () => {
    look(b, 'replica', 10, 0);
    expect(replication.stateOf(b).lagMs).toBeNaN();
  });

  it('of a replica that was never seen to have what the primary had may be anything', () => {
    look(a, 'primary', 10, 0);
    look(b, 'replica', 9, 0);
    expect(replication.stateOf(b).lagMs).toBe(Number.POSITIVE_INFINITY);
    look(b, 'replica', 10, 20);
    expect(replication.stateOf(b).lagMs).toBe(0);
    // From here on it is known to the look how old what it lacks is.
    look(a, 'primary', 12, 1_000);
    look(b, 'replica', 10, 1_500);
    expect(replication.stateOf(b).lagMs).toBe(501);
  });

  it('is measured again when the primary is found after its replicas', () => {
    look(b, 'replica', 9, 0);
    expect(replication.stateOf(b).lagMs).toBeNaN();
    expect(look(a, 'primary', 10, 0)).toBe(true);
    expect(replication.stateOf(b).lagMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('has to be proven anew after a failover, against the new primary', () => {
    look(a, 'primary', 10, 0);
    look(b, 'replica', 10, 0);
    look(c, 'replica', 10, 0);
    replication.failed(a, 300);
    replication.failed(a, 300);
    look(b, 'primary', 11, 400);
    expect(replication.stateOf(c).lagMs).toBe(Number.POSITIVE_INFINITY);
    look(c, 'replica', 11, 420);
    expect(replication.stateOf(c).lagMs).toBe(0);
  });

  it('is measured by the most advanced replica while there is no primary', () => {
    look(b, 'replica', 9, 0);
    look(c, 'replica', 10, 0);
    expect(replication.stateOf(b).lagMs).toBe(Number.POSITIVE_INFINITY);
    expect(replication.stateOf(c).lagMs).toBeNaN();
    look(b, 'replica', 10, 100);
    expect(replication.stateOf(b).lagMs).toBeNaN();
  });

  it('does not grow behind a primary that died: there is nothing to be behind of', () => {
    look(a, 'primary', 10, 0);
    look(b, 'replica', 10, 10);
    look(a, 'primary', 11, 20);
    replication.failed(a, 300);
    replication.failed(a, 300);
    look(b, 'replica', 10, 60_000);
    expect(replication.stateOf(b).lagMs).toBeNaN();
  });
});

describe('a primary', () => {
  it('is unknown after two looks that failed, not after one', () => {
    look(a, 'primary', 10, 0);
    expect(replication.failed(a, 300)).toBe(false);
    expect(ids(replication.writable)).toEqual(['a']);
    expect(replication.failed(a, 300)).toBe(true);
    expect(replication.writable).toEqual([]);
  });

  it('that died and its successor are no two primaries', () => {
    look(a, 'primary', 10, 0);
    look(b, 'replica', 10, 0);
    replication.failed(a, 300);
    look(b, 'primary', 11, 200);
    expect(ids(replication.writable)).toEqual(['b']);
  });

  it('that cannot be asked because it is full gives way to one that can', () => {
    look(a, 'primary', 10, 0);
    replication.unseen(a, 0);
    expect(ids(replication.writable)).toEqual(['a']);
    look(b, 'primary', 11, 200);
    expect(ids(replication.writable)).toEqual(['b']);
    expect(look(a, 'primary', 12, 400)).toBe(true);
    expect(ids(replication.writable)).toEqual(['a', 'b']);
  });

  it('is in doubt when another one is found, until it was looked at again', () => {
    look(a, 'primary', 10, 0);
    look(b, 'replica', 10, 0);
    look(b, 'primary', 11, 200);
    expect(ids(replication.unconfirmed)).toEqual(['a']);
    // A look that began before the other one was seen to accept writes proves nothing.
    look(a, 'primary', 10, 200);
    expect(ids(replication.unconfirmed)).toEqual(['a']);
    look(a, 'primary', 12, 202);
    expect(replication.unconfirmed).toEqual([]);
    expect(ids(replication.writable)).toEqual(['a', 'b']);
  });

  it('that was demoted a moment ago is no second one', () => {
    look(a, 'primary', 10, 0);
    look(b, 'primary', 11, 200);
    look(a, 'replica', 11, 202);
    expect(replication.unconfirmed).toEqual([]);
    expect(ids(replication.writable)).toEqual(['b']);
  });
});
