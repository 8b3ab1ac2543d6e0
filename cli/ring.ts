import { type PlacedShard, type Placement, placeShards } from '../adapters/redis/shards/placement.js';
import { statesOf } from './admin-client.js';
import { type Command, type CommandInput, Exit, given, givenAll, type Io, isJson, UsageError } from './command.js';
import { endpointsOf } from './members.js';
import { styled, table } from './terminal.js';

const PLACEMENTS = ['ketama', 'rendezvous', 'maglev'] as const;
/** Enough for a share to be right within a fifth of a percent. */
const SAMPLE = 100_000;

export const command: Command = {
  usage: '[KEY…] --nodes A,B=2,C',
  about:
    'Who owns a key, with the placement of fairlead/redis; and what moves where a node comes or goes. Without keys: the share of each node.',
  options: {
    nodes: { type: 'string', value: 'A,B=2', about: 'names of the nodes, each with a weight after =' },
    config: { type: 'string', value: 'FILE', about: 'a configuration whose resolver lists them' },
    admin: { type: 'string', value: 'URL', about: 'the page of a process whose service they are' },
    service: { type: 'string', value: 'NAME', about: 'the service, with --config and --admin' },
    placement: { type: 'string', value: 'NAME', about: 'ketama (default), rendezvous or maglev' },
    add: { type: 'string', multiple: true, value: 'NODE', about: 'what moves if it comes' },
    remove: { type: 'string', multiple: true, value: 'NODE', about: 'what moves if it goes' },
  },
  examples: [
    'fairlead ring user:42 user:43 --nodes cache-1,cache-2,cache-3',
    'fairlead ring --nodes a,b,c --add d',
    'fairlead ring user:42 --admin http://127.0.0.1:9901 --service cache --remove cache-2',
  ],
  async run(input, io) {
    const nodes = await nodesOf(input, io);
    const before = place(nodes, input);
    const after = changed(nodes, input);
    const next = after === undefined ? undefined : place(after, input);
    if (input.words.length > 0) {
      const owners = input.words.map((key) => ({
        key,
        owner: owner(nodes, before, key),
        ...(next !== undefined && { moves: owner(after!, next, key) }),
      }));
      if (isJson(input)) io.out(`${JSON.stringify(owners, null, 2)}\n`);
      else tellOwners(io, owners);
      return Exit.ok;
    }
    const shares = share(nodes, before, after, next);
    if (isJson(input)) io.out(`${JSON.stringify(shares, null, 2)}\n`);
    else tellShares(io, shares);
    return Exit.ok;
  },
};

interface Owner {
  readonly key: string;
  readonly owner: string;
  readonly moves?: string;
}

function tellOwners(io: Io, owners: readonly Owner[]): void {
  for (const { key, owner: of, moves: to } of owners) {
    const moves = to !== undefined && to !== of ? `  ${styled(io, 'yellow', `moves to ${to}`)}` : '';
    io.out(`${key}  ${styled(io, 'bold', of)}${moves}\n`);
  }
}

interface Shares {
  readonly shares: readonly { readonly node: string; readonly before: number; readonly after?: number }[];
  readonly moved?: number;
}

function tellShares(io: Io, { shares, moved }: Shares): void {
  const percent = (ratio: number | undefined): string => (ratio === undefined ? '–' : `${(100 * ratio).toFixed(2)} %`);
  const rows = shares.map(({ node, before, after }) => [
    node,
    percent(before),
    ...(moved === undefined ? [] : [percent(after)]),
  ]);
  const titles = ['node', 'share', ...(moved === undefined ? [] : ['then'])];
  const columns = titles.map((title, i) => ({ title, align: i === 0 ? ('left' as const) : ('right' as const) }));
  io.out(`${table(io, columns, rows).join('\n')}\n`);
  if (moved !== undefined) io.out(`${styled(io, 'bold', percent(moved))} of the keys move\n`);
}

function share(
  nodes: readonly PlacedShard[],
  before: Placement,
  after: readonly PlacedShard[] | undefined,
  next: Placement | undefined,
): Shares {
  const counts = new Map<string, { before: number; after: number }>();
  for (const { name } of [...nodes, ...(after ?? [])]) counts.set(name, { before: 0, after: 0 });
  let moved = 0;
  for (let i = 0; i < SAMPLE; i++) {
    const key = `key-${i}`;
    const [was, is] = [owner(nodes, before, key), next === undefined ? undefined : owner(after!, next, key)];
    counts.get(was)!.before++;
    if (is === undefined) continue;
    counts.get(is)!.after++;
    if (is !== was) moved++;
  }
  const shares = [...counts].map(([node, each]) => ({
    node,
    before: each.before / SAMPLE,
    ...(next !== undefined && { after: each.after / SAMPLE }),
  }));
  return next === undefined ? { shares } : { shares, moved: moved / SAMPLE };
}

function owner(nodes: readonly PlacedShard[], placement: Placement, key: string): string {
  return nodes[placement.ownerOf(key)]!.name;
}

function place(nodes: readonly PlacedShard[], input: CommandInput): Placement {
  const placement = (given(input, 'placement') ?? 'ketama') as (typeof PLACEMENTS)[number];
  if (!PLACEMENTS.includes(placement)) {
    throw new UsageError(`--placement is '${placement}': allowed is one of ${PLACEMENTS.join(', ')}.`);
  }
  return placeShards(nodes, { placement, compatibility: 'none' });
}

/** As they would be; undefined where nothing was asked. */
function changed(nodes: readonly PlacedShard[], input: CommandInput): readonly PlacedShard[] | undefined {
  const [add, remove] = [givenAll(input, 'add'), givenAll(input, 'remove')];
  if (add.length + remove.length === 0) return undefined;
  const unknown = remove.find((name) => !nodes.some((node) => node.name === name));
  if (unknown !== undefined) throw new UsageError(`--remove ${unknown}: there is no such node.`);
  const left = nodes.filter(({ name }) => !remove.includes(name));
  return checked([...left, ...add.map(parseNode)]);
}

async function nodesOf(input: CommandInput, io: Io): Promise<readonly PlacedShard[]> {
  const [nodes, config, admin] = [given(input, 'nodes'), given(input, 'config'), given(input, 'admin')];
  if (nodes !== undefined) return checked(nodes.split(',').map(parseNode));
  const service = given(input, 'service');
  if (service === undefined && (config ?? admin) !== undefined) throw new UsageError('Which --service?');
  if (config !== undefined) {
    const listed = await endpointsOf(config, service!, io);
    return checked(listed.map(({ spec }) => ({ name: spec.id, weight: spec.weight })));
  }
  if (admin === undefined) throw new UsageError('Give the nodes by --nodes, --config or --admin.');
  const state = await statesOf(admin, io);
  const found = Object.hasOwn(state.services, service!) ? state.services[service!] : undefined;
  if (found === undefined) throw new UsageError(`That process has no service '${service}'.`);
  const listed = Object.entries(found.endpoints).filter(([, endpoint]) => endpoint.listed);
  return checked(listed.map(([name, { weight }]) => ({ name, weight })));
}

function parseNode(text: string): PlacedShard {
  const [name = '', weight = '1'] = text.trim().split('=');
  if (name === '' || !(Number(weight) > 0))
    throw new UsageError(`'${text}' is not a node: allowed is NAME or NAME=WEIGHT.`);
  return { name, weight: Number(weight) };
}

/** Sorted by name, as the placement of every client is. */
function checked(nodes: readonly PlacedShard[]): readonly PlacedShard[] {
  const sorted = [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = sorted.find(({ name }, i) => sorted[i + 1]?.name === name);
  if (twice !== undefined) throw new UsageError(`The node ${twice.name} stands there twice.`);
  if (sorted.length === 0) throw new UsageError('There is no node.');
  return sorted;
}
