import { RULES, type Rule } from '../../adapters/redis/commands/rules.js';

/** The table of docs/redis.md, as Markdown: what becomes of commands over several shards. */
export function commandTable(): string {
  const groups = new Map<string, string[]>();
  for (const [command, rule] of RULES) {
    const what = describe(rule);
    groups.set(what, [...(groups.get(what) ?? []), `\`${command.toUpperCase()}\``]);
  }
  const rows = [...groups].map(([what, commands]) => `| ${what} | ${commands.join(', ')} |`);
  return ['| over several shards | commands |', '|---|---|', ...rows].join('\n');
}

function describe(rule: Rule): string {
  switch (rule.to) {
    case 'one':
      return 'one shard answers for all';
    case 'all':
      return 'sent to every shard; the first reply, when all have answered';
    case 'kill':
      return 'sent to every shard, also to those that are down, by a connection of its own; the reply of those that ran a script';
    case 'remembered':
      return 'sent to every shard, and repeated on later connections';
    case 'channel':
      return 'the shard of the channel';
    case 'split':
      return `split by shard; ${SPLIT[rule.merge]}`;
    case 'merged':
      return `sent to every shard; ${MERGED[rule.merge]}`;
    case 'refused':
      return rule.evenWithKeys === true ? `refused: ${rule.why}` : `refused where it has no key: ${rule.why}`;
  }
}

const SPLIT = {
  values: 'values in the order of the keys',
  sum: 'numbers are added up',
  status: 'OK when all are',
} as const;

const MERGED = {
  sum: 'numbers are added up',
  concat: 'lists are joined',
  union: 'lists are joined, each item once',
  sections: 'texts are joined under the names of the shards, with the error of one that failed',
  earliest: 'the earliest time',
  every: '1 for what all have',
  any: 'the first that is not null',
  counts: 'counts are added up by channel',
  most: 'the highest number',
  scan: 'one shard after the other, by a cursor that tells which',
} as const;
