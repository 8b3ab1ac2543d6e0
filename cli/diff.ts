import { diffDocuments } from '../src/config/diff.js';
import { type Command, Exit, isJson, UsageError } from './command.js';
import { readDocument } from './document.js';
import { clean, styled } from './terminal.js';

export const command: Command = {
  usage: 'FROM TO',
  about:
    'What changed from one configuration to another, by path, and what becomes of it in a running process: live, rebuild, removed.',
  options: {},
  examples: ['fairlead diff running.yaml next.yaml', 'fairlead diff a.yaml b.json --json'],
  async run(input, io) {
    const [from, to] = input.words;
    if (from === undefined || to === undefined || input.words.length > 2) throw new UsageError('Which two files?');
    const [before, after] = await Promise.all([readDocument(from, io.env), readDocument(to, io.env)]);
    const changes = diffDocuments(before.document, after.document);
    if (isJson(input)) io.out(`${JSON.stringify({ changes }, null, 2)}\n`);
    else if (changes.length === 0) io.out('They say the same.\n');
    for (const { path, before: was, after: is, effect } of isJson(input) ? [] : changes) {
      io.out(`${styled(io, 'bold', clean(path))}  ${styled(io, effect === 'live' ? 'dim' : 'yellow', effect)}\n`);
      if (was !== undefined) io.out(styled(io, 'red', `  - ${clean(JSON.stringify(was))}\n`));
      if (is !== undefined) io.out(styled(io, 'green', `  + ${clean(JSON.stringify(is))}\n`));
    }
    return changes.length === 0 ? Exit.ok : Exit.found;
  },
};
