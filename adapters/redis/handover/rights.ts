import { FairleadError } from '../../../src/index.js';
import type { ShardedSettings } from '../common/options.js';
import { ask } from '../shards/ask.js';
import type { Shard } from '../shards/shard.js';

/**
 * Runs each command that a move or a sweep runs, on keys of its own that it removes again. Returns
 * the names of those that this user may not run, or that the server does not know; what fails for
 * another reason (no memory left, a replica) says nothing of rights.
 */
const TRY = `
local lacking = {}
local function try(name, ...)
  local reply = redis.pcall(name, ...)
  if type(reply) ~= 'table' or not reply['err'] then return reply end
  local why = string.lower(reply['err'])
  for _, text in ipairs({'noperm', 'no permission', 'user executing the script', 'unknown'}) do
    if string.find(why, text, 1, true) then
      lacking[#lacking + 1] = name
      break
    end
  end
  return ''
end
try('SET', KEYS[1], '1', 'PX', '1000')
local value = try('DUMP', KEYS[1])
for _, name in ipairs({'GET', 'EXISTS', 'PTTL'}) do try(name, KEYS[1]) end
try('MEMORY', 'USAGE', KEYS[1])
try('PEXPIRE', KEYS[1], '1000')
try('RENAME', KEYS[1], KEYS[2])
try('RESTORE', KEYS[1], '1000', value or '')
try('UNLINK', KEYS[1])
try('DEL', KEYS[2])
try('SCAN', '0', 'COUNT', '1')
return lacking`;

/**
 * Why keys cannot be handed over from this shard or to it, by the rights of the client's user;
 * undefined where they can. Rejects where the server cannot be asked. By trial, as a user that may
 * not run DUMP may hardly run ACL DRYRUN.
 */
export async function missingRights(
  { service, reservedPrefix }: Pick<ShardedSettings, 'service' | 'reservedPrefix'>,
  shard: Shard,
): Promise<FairleadError | undefined> {
  const keys = [`${reservedPrefix}trial:${service}`, `${reservedPrefix}trial:${service}:renamed`];
  let lacking: unknown;
  let cause: Error | undefined;
  try {
    lacking = await ask(service, shard, 'eval', [TRY, '2', ...keys]);
  } catch (error) {
    cause = error as Error;
    if (cause.name !== 'ReplyError' || !/^NOPERM|unknown command/i.test(cause.message)) throw error;
    lacking = ['EVAL'];
  }
  if (!Array.isArray(lacking) || lacking.length === 0) return undefined;
  const names = [...new Set(lacking.map(String))].join(', ');
  const why = cause === undefined ? '' : ` (${cause.message})`;
  const message =
    `Shard '${shard.name}' does not let this client hand keys over: it may not run ${names}${why}. ` +
    `Keys whose owner changes will fail; allow its user +${names.toLowerCase().replaceAll(', ', ' +')} ~${reservedPrefix}*.`;
  return new FairleadError('FAIRLEAD_HANDOVER', message, { service, endpoint: shard.name, cause });
}
