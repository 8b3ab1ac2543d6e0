import { meshFigures } from 'fairlead/monitor';
import { expect, it } from 'vitest';
import { GtidPosition } from '../../../../adapters/mysql/cluster/gtid.js';
import type { Probe } from '../../../../adapters/mysql/cluster/probe.js';
import { Replication } from '../../../../adapters/mysql/cluster/replication.js';
import { StatementTimes } from '../../../../adapters/mysql/session/statement-times.js';
import { endpoints, testMesh } from '../../../support/mesh.js';

const probeOf = (flavor: Probe['flavor']): Probe => ({
  readOnly: false,
  flavor,
  position: GtidPosition.parse('0-1-7'),
  positionText: '0-1-7',
  identity: '',
  reconnected: false,
  atMs: 1_000,
});

it('statements are told under the system that their servers were found to be', () => {
  const { mesh, clock } = testMesh({ db: endpoints(1) });
  using figures = meshFigures(mesh);
  const service = mesh.service('db');
  const replication = new Replication();
  const times = new StatementTimes(service, clock, () => replication.flavor);
  const run = (error?: unknown): void => {
    const startMs = times.begin();
    clock.advance(3);
    times.ended(startMs, 'SELECT', error);
  };
  run();
  replication.probed(service.endpoints[0]!, probeOf('mariadb'), 1_001);
  run();
  run({ errno: 1064 });
  const told = figures.operations('db').map(({ system, status, count, sumMs }) => [system, status, count, sumMs]);
  expect(told).toEqual([
    ['mysql', '', 1, 3],
    ['mariadb', '', 1, 3],
    ['mariadb', '1064', 1, 3],
  ]);
});
