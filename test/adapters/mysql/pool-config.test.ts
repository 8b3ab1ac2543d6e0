import { describe, expect, it, onTestFinished } from 'vitest';
import { serverFigures } from '../../../adapters/mysql/pool-config.js';
import { FakeCluster } from '../../support/fake-cluster.js';

describe('the figures of a pool', () => {
  it('say of each server whether it answers, is the primary, is written to and is read from', async () => {
    const fake = new FakeCluster(2);
    onTestFinished(() => fake.mesh.close());
    expect(serverFigures(fake.cluster.status())).toMatchObject({ 'up db0': 0, 'primary db0': 0, 'read db1': 0 });
    await fake.pass(3_000);
    expect(serverFigures(fake.cluster.status())).toEqual({
      ...{ 'up db0': 1, 'primary db0': 1, 'written db0': 1, 'read db0': 0, 'lagMs db0': 0 },
      ...{ 'up db1': 1, 'primary db1': 0, 'written db1': 0, 'read db1': 1, 'lagMs db1': 0 },
    });
    fake.servers[1]!.kill();
    await fake.pass(3_000);
    expect(serverFigures(fake.cluster.status())).toEqual({
      ...{ 'up db0': 1, 'primary db0': 1, 'written db0': 1, 'read db0': 0, 'lagMs db0': 0 },
      ...{ 'up db1': 0, 'primary db1': 0, 'written db1': 0, 'read db1': 0 },
    });
  });
});
