import { createMesh, type Endpoint, type Mesh, staticResolver } from 'fairlead';
import { meshFigures } from 'fairlead/monitor';
import { CommandTimes } from '../../adapters/redis/driver/command-times.js';
import { Deadlines } from '../../adapters/redis/driver/deadlines.js';
import { commandCalls } from '../../adapters/redis/shards/command-calls.js';
import type { Case, Contender, Suite } from '../runner/suite.js';

const GET = { name: 'get', isSettled: true, reject: () => {} };
/** As by default. */
const TIMEOUT_MS = 5_000;

/**
 * All that figures add to a command, and no socket: it is written, one of `together` in a write,
 * and answered, one of as many in a chunk. Its deadline is there with figures and without.
 */
const commands = (together: number, observe: (mesh: Mesh) => unknown) => (): Contender => {
  const mesh = createMesh({ resolver: staticResolver({ cache: ['10.0.0.1:6379', '10.0.0.2:6379'] }) });
  const service = mesh.service('cache');
  observe(mesh);
  let unanswered = 0;
  // Two shards in turn: with one alone every field would stay in a register.
  const shards = service.endpoints.map((endpoint: Endpoint) => {
    const left = (): number => unanswered;
    const deadlines = new Deadlines(TIMEOUT_MS, mesh.clock, left, () => {});
    const counter = commandCalls({ service, endpoint, closed: false });
    return { deadlines, times: new CommandTimes(mesh.clock, counter, left, deadlines.sentMs) };
  });
  return {
    run: (operations) => {
      for (let done = 0, turn = 0; done < operations; done += together, turn++) {
        const { deadlines, times } = shards[turn & 1]!;
        times.joins(true);
        for (let i = 0; i < together; i++) {
          unanswered++;
          deadlines.add(GET);
          times.sent(GET);
        }
        times.joins(false);
        unanswered = 0;
        times.answered();
      }
      return undefined;
    },
    close: () => mesh.close(),
  };
};

const OFF = 'figures are not read';
const of = (title: string, together: number): Case<undefined> => ({
  title,
  operations: 2_000_000,
  baseline: OFF,
  contenders: { [OFF]: commands(together, () => {}), 'figures are read': commands(together, meshFigures) },
});

export const suite: Suite = {
  about: 'what figures add to a Redis command, in a loop by itself',
  rounds: 20,
  cases: [
    of('a command at a time: a write and a chunk each', 1),
    of('33 commands in a write, as of 100 callers of three shards', 33),
  ],
};
