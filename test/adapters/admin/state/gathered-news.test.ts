import { createMesh, type ResolverSink } from 'fairlead';
import { publishNews } from 'fairlead/adapter';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { EventLog } from '../../../../adapters/admin/state/event-log.js';
import { endpoints, testMesh } from '../../../support/mesh.js';

type Level = Parameters<typeof publishNews>[1];

function setUp(max = 200) {
  const { mesh, clock } = testMesh({ db: endpoints(1), other: endpoints(1) });
  const db = mesh.service('db');
  const log = new EventLog(mesh, max, undefined, undefined);
  const say = (level: Level, text: string, subject: string): void => publishNews(db, level, text, subject);
  const told = (): string[] =>
    Object.values(log.events).map(({ level, subject, endpoint = '', text }) =>
      [level, subject, endpoint, text].join(' | '),
    );
  return { mesh, clock, log, say, told };
}

describe('events of the page', () => {
  it('say that discovery fails once, that it works again, and that it fails again', () => {
    const sinks: ResolverSink[] = [];
    const resolver = { name: 'own', watch: (_: unknown, sink: ResolverSink) => void sinks.push(sink) };
    const mesh = createMesh({ resolver, clock: new ManualClock() });
    const log = new EventLog(mesh, 10, undefined, undefined);
    mesh.service('users');
    const [sink] = sinks;
    for (let i = 0; i < 2; i++) {
      sink!.snapshot([], '1');
      for (let times = 0; times < 3; times++) sink!.error(new Error('no route'));
    }
    const fails = 'warn discovery: no route';
    expect(Object.values(log.events).map(({ level, text }) => `${level} ${text}`)).toEqual([
      fails,
      'info discovery works again',
      fails,
    ]);
    log.close();
  });
});

describe('news among the events of the page', () => {
  it('are told under their service, with the endpoint where it is one', () => {
    const { mesh, say, told, log } = setUp();
    say('error', 'no primary: writes go nowhere', 'db');
    say('warn', 'shard is in quarantine', 's0 of db');
    publishNews(mesh, 'warn', 'configuration refused: no', 'mesh.yaml');
    publishNews(testMesh({ db: [] }).mesh.service('db'), 'warn', 'of another mesh', 'db');
    expect(told()).toEqual([
      'error | db |  | no primary: writes go nowhere',
      'warn | db | s0 | shard is in quarantine',
      'warn | configuration | mesh.yaml | configuration refused: no',
    ]);
    log.close();
    say('error', 'after the end', 'db');
    expect(told()).toHaveLength(3);
  });

  it('are one event for all that have one cause within a second', () => {
    const { clock, say, told } = setUp();
    for (let i = 0; i < 1_000; i++) say('warn', 'no usable connection: connect ECONNREFUSED', `e${i} of db`);
    expect(told()).toEqual(['warn | db |  | no usable connection: connect ECONNREFUSED: e0, e1, e2 and 997 more']);
    clock.advance(1_000);
    say('warn', 'no usable connection: connect ECONNREFUSED', 'late of db');
    expect(told()).toHaveLength(2);
  });

  it('are told once a minute while nothing changes, and again where it was over in between', () => {
    const { clock, say, told } = setUp();
    const full = 'all connections to a server are in use: callers wait';
    for (let i = 0; i < 59; i++) {
      say('warn', full, 'db');
      clock.advance(1_000);
    }
    expect(told()).toHaveLength(1);
    clock.advance(1_000);
    say('warn', full, 'db');
    expect(told()).toHaveLength(2);
    // Two pools over one service.
    for (let i = 0; i < 2; i++) say('info', 'well again', 'db');
    say('warn', full, 'db');
    expect(told().slice(2)).toEqual(['info | db |  | well again', `warn | db |  | ${full}`]);
  });

  it('do not bring back an event that has left the list', () => {
    const { say, told, log } = setUp(1);
    say('warn', 'first', 'a of db');
    say('warn', 'second', 'a of db');
    say('warn', 'first', 'b of db');
    expect(told()).toEqual(['warn | db | a | second']);
    log.close();
  });
});
