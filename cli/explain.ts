import type { Explanation } from '../src/index.js';
import { ask } from './admin-client.js';
import { type Command, Exit, given, givenAll, isJson, UsageError } from './command.js';
import { digits } from './figures.js';
import { clean, styled, table } from './terminal.js';

export const command: Command = {
  usage: 'SERVICE --admin URL [--key KEY] [--label NAME:VALUE]',
  about: 'Which endpoint a call would get now in a running process, and why not the others. It changes nothing there.',
  options: {
    admin: { type: 'string', value: 'URL', about: 'the page of the process' },
    key: { type: 'string', value: 'KEY', about: 'the key of the call' },
    label: { type: 'string', multiple: true, value: 'NAME:VALUE', about: 'a header of the call' },
  },
  examples: ['fairlead explain users --admin http://127.0.0.1:9901 --key user-42'],
  async run(input, io) {
    const [service] = input.words;
    const admin = given(input, 'admin');
    if (service === undefined) throw new UsageError('Which service?');
    if (admin === undefined) throw new UsageError('Which process? Give the address of its page by --admin.');
    const query = new URLSearchParams({ service });
    const key = given(input, 'key');
    if (key !== undefined) query.set('key', key);
    for (const label of givenAll(input, 'label')) query.append('label', label);
    const explanation = await ask<Explanation>(admin, `api/explain?${query}`, io);
    if (isJson(input)) {
      io.out(`${JSON.stringify(explanation, null, 2)}\n`);
      return Exit.ok;
    }
    const { chosen, by, policy, refused, candidates, drew, panic, session } = explanation;
    const how = by === 'policy' ? policy : by;
    const more = [panic && 'in panic', session && `session ${session.state}`].filter(Boolean).join(', ');
    if (chosen !== undefined)
      io.out(`${styled(io, 'bold', clean(chosen))} by ${how}${more === '' ? '' : ` (${more})`}\n`);
    else
      io.out(`${styled(io, 'red', refused === undefined ? `${policy} does not say whom` : clean(refused.message))}\n`);
    const what = (id: string): string => (id === chosen ? 'chosen' : drew.includes(id) ? 'drawn' : '');
    const rows = candidates.map(({ endpoint, zone, state, excluded, cost, parts }) => [
      endpoint,
      zone,
      state,
      excluded ?? what(endpoint),
      cost === undefined ? '' : digits(cost),
      Object.entries(parts)
        .map(([name, value]) => `${name} ${digits(value)}`)
        .join(', '),
    ]);
    const columns = ['endpoint', 'zone', 'state', '', 'cost', 'made of'].map((title) => ({ title }));
    io.out(`${table(io, columns, rows).join('\n')}\n`);
    return Exit.ok;
  },
};
