import type { Explanation } from '../src/index.js';
import { ask, statesOf } from './admin-client.js';
import { type Command, type CommandInput, Exit, given, givenAll, type Io, isJson, UsageError } from './command.js';
import { askedOfPart, partOf } from './explain-part.js';
import { digits } from './figures.js';
import { clean, styled, table } from './terminal.js';

export const command: Command = {
  usage: '[SERVICE] --admin URL [--key KEY] [--label NAME:VALUE] [--sql "…" | --request "GET /path" | …]',
  about:
    'Which endpoint a call would get now in a running process, and why not the others; or where a statement, a key of Redis, a call of gRPC or a request to a gateway would go. It changes nothing there.',
  options: {
    admin: { type: 'string', value: 'URL', about: 'the page of the process' },
    key: { type: 'string', value: 'KEY', about: 'the key of the call' },
    label: { type: 'string', multiple: true, value: 'NAME:VALUE', about: 'a header of the call or request' },
    sql: { type: 'string', value: 'STATEMENT', about: 'of a MySQL pool: where it would run' },
    'redis-key': { type: 'string', value: 'KEY', about: 'of a ShardedRedis: where its commands would go' },
    method: { type: 'string', value: 'PATH', about: 'of gRPC: a call of /package.Service/Method' },
    request: { type: 'string', value: '"METHOD PATH"', about: 'of a gateway: which route, which endpoint' },
    host: { type: 'string', value: 'NAME', about: 'the Host of that request' },
  },
  examples: [
    'fairlead explain users --admin http://127.0.0.1:9901 --key user-42',
    'fairlead explain orders --admin http://127.0.0.1:9901 --sql "SELECT * FROM orders"',
    'fairlead explain --admin http://127.0.0.1:9901 --request "GET /users/7" --label "cookie: a=b"',
  ],
  async run(input, io) {
    const admin = given(input, 'admin');
    if (admin === undefined) throw new UsageError('Which process? Give the address of its page by --admin.');
    const answer = await ask<Answer>(admin, `api/explain?${await queryOf(input, admin, io)}`, io);
    if (isJson(input)) {
      io.out(`${JSON.stringify(answer, null, 2)}\n`);
      return Exit.ok;
    }
    if (answer.part === undefined) show(answer as unknown as Explanation, io);
    else showPart(answer, io);
    return Exit.ok;
  },
};

type Answer = Readonly<Record<string, unknown>>;

async function queryOf(input: CommandInput, admin: string, io: Io): Promise<URLSearchParams> {
  const [service] = input.words;
  const asked = askedOfPart(input);
  const query = new URLSearchParams(asked?.values);
  if (asked !== undefined) {
    query.set('part', partOf((await statesOf(admin, io)).parts, asked, service));
  } else {
    const key = given(input, 'key');
    if (key !== undefined) query.set('key', key);
  }
  if (service !== undefined) query.set('service', service);
  else if (asked === undefined || asked.kind === 'grpc') throw new UsageError('Which service?');
  for (const label of givenAll(input, 'label')) query.append('label', label);
  return query;
}

/** What the part says in its own words, a line each, and then why that endpoint. */
function showPart({ part, explanation, ...said }: Answer, io: Io): void {
  io.out(`${styled(io, 'dim', clean(String(part)))}\n`);
  for (const [name, value] of Object.entries(said)) {
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    io.out(`${styled(io, 'bold', name)}  ${clean(text)}\n`);
  }
  if (explanation !== undefined) show(explanation as Explanation, io);
}

function show({ chosen, by, policy, refused, candidates, drew, panic, session }: Explanation, io: Io): void {
  const how = by === 'policy' ? policy : by;
  const more = [panic && 'in panic', session && `session ${session.state}`].filter(Boolean).join(', ');
  if (chosen !== undefined)
    io.out(`${styled(io, 'bold', clean(chosen))} by ${how}${more === '' ? '' : ` (${more})`}\n`);
  else io.out(`${styled(io, 'red', refused === undefined ? `${policy} does not say whom` : clean(refused.message))}\n`);
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
}
