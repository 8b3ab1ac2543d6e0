import { ConfigError, type ConfigProblem } from '../src/config/errors.js';
import { type Command, Exit, isJson, UsageError } from './command.js';
import { readDocument } from './document.js';
import { clean, styled } from './terminal.js';

export const command: Command = {
  usage: 'FILE…',
  about: 'Reads configurations as a store would, and says what is wrong, by file, line and column.',
  options: {},
  examples: ['fairlead check fairlead.yaml', 'fairlead check --json conf/*.yaml | jq .problems'],
  async run(input, io) {
    if (input.words.length === 0) throw new UsageError('Which file?');
    const problems: ConfigProblem[] = [];
    for (const path of input.words) {
      try {
        await readDocument(path, io.env);
      } catch (thrown) {
        if (!(thrown instanceof ConfigError)) throw thrown;
        problems.push(...thrown.problems);
      }
    }
    const ok = problems.length === 0;
    if (isJson(input)) io.out(`${JSON.stringify({ ok, problems }, null, 2)}\n`);
    else if (ok) io.out(`${styled(io, 'green', 'well')}  ${input.words.map(clean).join(', ')}\n`);
    for (const { source, line, column, message, nearest } of isJson(input) ? [] : problems) {
      const at = line === undefined ? source : `${source}:${line}:${column}`;
      const hint = nearest === undefined ? '' : ` ${styled(io, 'green', `Did you mean ${nearest}?`)}`;
      io.out(`${styled(io, 'bold', at)}  ${message}${hint}\n`);
    }
    return ok ? Exit.ok : Exit.found;
  },
};
