import { createMesh, type Endpoint, staticResolver } from 'fairlead';
import { meshFigures } from 'fairlead/monitor';
import { Command } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { type CommandCounter, CommandTimes } from '../../../../adapters/redis/driver/command-times.js';
import { Deadlines } from '../../../../adapters/redis/driver/deadlines.js';
import { commandCalls } from '../../../../adapters/redis/shards/command-calls.js';
import { Outcome } from '../../../../src/index.js';
import { OperationMeter } from '../../../../src/telemetry/operation-meter.js';
import { ManualClock } from '../../../../src/testing/index.js';
import { bytesPer } from '../../../support/bytes.js';

const GET = { name: 'get' };

/** A connection that answers in order. */
function setUp() {
  const clock = new ManualClock();
  const operations = new OperationMeter('redis');
  const recorded: [outcome: Outcome, micros: number][] = [];
  let on = true;
  let unanswered = 0;
  const counter: CommandCounter = {
    get on() {
      return on;
    },
    seriesOf: ({ name }) => (name === 'own' ? undefined : operations.of(name, '', false)),
    failed: (name, status) => operations.of(name, status, true),
    record: (outcome, micros) => void recorded.push([outcome, micros]),
  };
  const times = new CommandTimes(clock, counter, () => unanswered);
  return {
    clock,
    times,
    operations,
    recorded,
    turn: (to: boolean) => {
      on = to;
    },
    send: (command: { name: string } | 'handshake' = GET) => {
      unanswered++;
      times.sent(command === 'handshake' ? undefined : command);
    },
    answer: (count = 1) => {
      unanswered -= count;
      times.answered();
    },
    refuse: (message: string) => {
      unanswered--;
      times.refused(message);
    },
    fail: () => {
      unanswered = 0;
      times.broke();
    },
  };
}

describe('the times of the commands of a connection', () => {
  it('reach from the writing of each to the reading of its answer', () => {
    const { clock, send, answer, recorded, operations } = setUp();
    send();
    clock.advance(2);
    send({ name: 'set' });
    clock.advance(1);
    answer();
    clock.advance(4);
    answer();
    expect(recorded).toEqual([
      [Outcome.Success, 3_000],
      [Outcome.Success, 5_000],
    ]);
    expect(operations.all.map(({ operation, sumMs }) => [operation, sumMs])).toEqual([
      ['get', 3],
      ['set', 5],
    ]);
  });

  it('have one look at the clock for what leaves in one write', () => {
    const { clock, send, answer, times, recorded } = setUp();
    times.joins(true);
    send();
    clock.advance(1);
    send();
    times.joins(false);
    send();
    clock.advance(1);
    answer(3);
    expect(recorded.map(([, micros]) => micros)).toEqual([2_000, 2_000, 1_000]);
  });

  it('have the look that a deadline had', () => {
    const clock = new ManualClock();
    const recorded: number[] = [];
    const series = new OperationMeter('redis').of('get', '', false);
    const counter = { on: true, seriesOf: () => series, failed: () => series };
    let unanswered = 0;
    let looks = 0;
    const counted = { ...clock, now: () => (looks++, clock.now()), after: clock.after.bind(clock) } as ManualClock;
    const deadlines = new Deadlines(
      100,
      counted,
      () => unanswered,
      () => {},
    );
    const record = (_: Outcome, micros: number): void => void recorded.push(micros);
    const times = new CommandTimes(counted, { ...counter, record }, () => unanswered, deadlines.sentMs);
    for (let i = 0; i < 3; i++) {
      unanswered++;
      deadlines.add({ isSettled: true, reject: () => {} });
      const before = looks;
      times.sent(GET);
      expect(looks).toBe(before);
      clock.advance(1);
    }
    unanswered = 0;
    const before = looks;
    times.answered();
    expect(recorded).toEqual([3_000, 2_000, 1_000]);
    expect(looks - before).toBe(1);
  });

  it('do not have those that the client sends itself, nor those of the handshake', () => {
    const { send, answer, recorded } = setUp();
    send({ name: 'own' });
    send();
    send('handshake');
    answer(3);
    expect(recorded).toEqual([[Outcome.Success, 0]]);
  });

  it('are right for thousands on the way, whatever the chunks', () => {
    const { clock, send, answer, recorded } = setUp();
    let sent = 0;
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 37; i++, sent++) send();
      clock.advance(1);
      answer(round % 2 === 0 ? 11 : 29);
    }
    answer(sent - recorded.length);
    expect(recorded.length).toBe(sent);
    expect(recorded[0]).toEqual([Outcome.Success, 1_000]);
    expect(recorded.every(([, micros], i) => i === 0 || micros >= 0)).toBe(true);
  });

  it('tell an error of the server, what was given up, and what broke off', () => {
    const { clock, send, refuse, answer, times, fail, recorded, operations } = setUp();
    send();
    send();
    clock.advance(1);
    refuse('WRONGTYPE Operation against a key');
    times.late();
    clock.advance(1);
    answer();
    send();
    fail();
    expect(recorded).toEqual([
      [Outcome.ApplicationError, 1_000],
      [Outcome.Timeout, 1_000],
      [Outcome.Failure, -1],
    ]);
    expect(operations.all.filter(({ failed }) => failed).map(({ status }) => status)).toEqual(['WRONGTYPE', 'timeout']);
  });

  it('take no answer for that of another where the counting began or ended in between', () => {
    const { clock, send, answer, turn, recorded } = setUp();
    turn(false);
    send();
    turn(true);
    clock.advance(5);
    send();
    answer();
    expect(recorded).toEqual([]);
    turn(false);
    send();
    turn(true);
    send();
    clock.advance(2);
    answer(2);
    expect(recorded).toEqual([]);
    answer();
    expect(recorded).toEqual([[Outcome.Success, 2_000]]);
  });

  it('cost no bytes a command but for two looks at the clock in a tick, with all that a service counts of it', async () => {
    await using mesh = createMesh({ resolver: staticResolver({ cache: ['10.0.0.1:6379'] }) });
    const service = mesh.service('cache');
    using figures = meshFigures(mesh);
    const [endpoint] = service.endpoints as [Endpoint];
    let unanswered = 0;
    const times = new CommandTimes(mesh.clock, commandCalls({ service, endpoint, closed: false }), () => unanswered);
    const command = new Command('get', ['key']);
    const turn = (): void => {
      times.joins(true);
      for (let i = 0; i < 100; i++) {
        unanswered++;
        times.sent(command);
      }
      times.joins(false);
      unanswered = 0;
      times.answered();
    };
    turn();
    // Of a hundred commands: the two looks at the clock.
    expect(bytesPer(turn, 1_000)).toBeLessThan(64);
    expect(figures.read().services[0]!.calls.outcomes.success).toBeGreaterThan(1_000_000);
  });
});
