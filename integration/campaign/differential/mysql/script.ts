import type { Dice } from '../dice.js';
import type { Script, Step } from '../script.js';
import { freeStatement, poolOptions, queryOptions, sessionStatement, value } from './statements.js';

const SLOTS = 3;

/** Random sessions over a pool: what is done, by callback or promise, and how they end. */
export function mysqlScript(dice: Dice, length: number): Script {
  const options = poolOptions(dice);
  const steps: Step[] = [];
  const taken = new Set<unknown>();
  while (steps.length < length) {
    const step = draw(dice);
    const { slot, pool, op } = step;
    if (slot !== undefined && !pool && op !== 'take' && op !== 'leave' && !taken.has(slot)) {
      steps.push({ op: 'take', slot, api: dice.pick(['callback', 'promise']) });
      taken.add(slot);
    }
    if (op === 'leave' && !taken.delete(slot)) continue;
    steps.push(step);
  }
  for (let slot = 0; slot < SLOTS; slot++) steps.push({ op: 'leave', slot, how: 'release' });
  return { options: { ...options, connectionLimit: 12 }, steps };
}

function draw(dice: Dice): Step {
  const slot = dice.below(SLOTS);
  const api = dice.pick(['callback', 'promise']);
  const name = dice.pick(['p', 'q']);
  const kind = dice.weighted([
    [12, 'run'],
    [5, 'pool'],
    [3, 'batch'],
    [2, 'stream'],
    [2, 'events'],
    [2, 'transaction'],
    [2, 'prepare'],
    [1, 'simple'],
    [1, 'load'],
    [1, 'escape'],
    [1, 'crowd'],
    [2, 'leave'],
  ]);
  switch (kind) {
    case 'run':
      return { op: 'run', slot, api, ...statement(dice, sessionStatement) };
    case 'pool':
      return { op: 'pool', api, ...statement(dice, freeStatement) };
    case 'batch':
      return { op: 'batch', slot, list: dice.times(2 + dice.below(4), () => statement(dice, sessionStatement)) };
    case 'stream':
      return {
        op: 'stream',
        slot,
        pool: dice.chance(0.3),
        ...streamed(dice),
        highWaterMark: dice.pick([1, 16]),
      };
    case 'events':
      return { op: 'events', slot, pool: dice.chance(0.3), ...streamed(dice) };
    case 'transaction':
      return { op: 'transaction', slot, api, what: dice.pick(['beginTransaction', 'commit', 'rollback']) };
    case 'prepare':
      return dice.chance(0.4)
        ? {
            op: 'prepare',
            slot,
            name,
            api,
            sql: dice.weighted([
              [3, sessionStatement(dice)[0]],
              [2, 'SELECT ? AS a'],
            ]),
          }
        : {
            op: 'prepared',
            slot,
            name,
            what: dice.weighted([
              [4, 'execute'],
              [1, 'close'],
              [1, 'unprepare'],
            ]),
            values: dice.times(dice.below(3), () => dice.text()),
          };
    case 'simple':
      return { op: 'simple', slot, api, what: dice.pick(['ping', 'state', 'connect']) };
    case 'load':
      return {
        op: 'load',
        slot,
        lines: dice.times(1 + dice.below(4), () => dice.text().replaceAll(/[\t\n\\]/g, '')),
        given: dice.chance(0.8),
      };
    case 'escape':
      return { op: 'escape', value: value(dice) };
    case 'crowd':
      return { op: 'crowd', list: dice.times(2 + dice.below(3), () => statement(dice, readStatement)) };
    default:
      return { op: 'leave', slot, how: dice.pick(['release', 'destroy', 'end', 'releaseConnection', 'release twice']) };
  }
}

/** Without what makes the driver stop or throw where nobody can catch it. */
function streamed(dice: Dice): Omit<Step, 'op'> {
  const { options, ...rest } = statement(dice, freeStatement);
  const { timeout: _, typeCast: __, ...kept } = (options ?? {}) as Record<string, unknown>;
  return { ...rest, options: kept };
}

/** Reads alone: what runs at once in several sessions has no order. */
const readStatement = (dice: Dice): readonly [string, unknown?] =>
  dice.pick([
    ['SELECT ? AS a', [dice.text()]],
    ['SELECT * FROM t ORDER BY id'],
    ['SELEC 1'],
    ['SELECT COUNT(*) AS n FROM t'],
  ] as const);

function statement(dice: Dice, from: (dice: Dice) => readonly [string, unknown?]): Omit<Step, 'op'> {
  const [sql, values] = from(dice);
  const options = queryOptions(dice);
  return {
    // MariaDB confuses the driver with what it answers to a prepared HANDLER.
    how: dice.chance(0.35) && !sql.startsWith('HANDLER') ? 'execute' : 'query',
    sql,
    ...(values !== undefined && { values }),
    ...(Object.keys(options).length > 0 && { options }),
    shape: dice.pick(['plain', 'plain', 'object', 'values inside']),
  };
}
