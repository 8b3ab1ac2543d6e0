import { Router } from '../adapters/mysql/statement/router.js';
import { type Command, Exit, given, isJson, UsageError } from './command.js';
import { styled } from './terminal.js';

export const command: Command = {
  usage: '"SQL"…',
  about: 'Where a pool of fairlead/mysql would send a statement, by its text alone, and why.',
  options: {
    database: { type: 'string', value: 'NAME', about: 'the database of the login' },
    'primary-functions': {
      type: 'string',
      value: 'A,B',
      about: 'functions that write, as the option primaryFunctions',
    },
  },
  examples: ['fairlead route "SELECT * FROM users"', 'fairlead route "SELECT … FOR UPDATE" --json'],
  async run(input, io) {
    if (input.words.length === 0) throw new UsageError('Which statement? Give it in quotes.');
    if (input.words.some((sql) => sql.trim() === '')) throw new UsageError('A statement is empty.');
    const primaryFunctions = given(input, 'primary-functions')?.split(',') ?? [];
    const router = new Router({ primaryFunctions, override: undefined, database: given(input, 'database') });
    const routed = input.words.map((sql) => ({ sql, ...router.route(sql) }));
    if (isJson(input)) io.out(`${JSON.stringify(routed, null, 2)}\n`);
    for (const { sql, route, hint, forced, effect, reason } of isJson(input) ? [] : routed) {
      const to = forced ?? hint ?? route;
      const where = to === 'same' ? 'where the statement before it ran' : to;
      const left = effect === 'none' ? '' : `; it leaves: ${effect}`;
      if (routed.length > 1) io.out(`${sql}\n  `);
      io.out(`${styled(io, to === 'replica' ? 'green' : 'yellow', where)}  ${reason}${left}\n`);
    }
    return Exit.ok;
  },
};
