import { shardUnavailable } from '../common/errors.js';
import type { ShardState } from './state.js';

/** Why a shard in this state takes no command; undefined where it does. */
export function refusalOf(service: string, name: string, state: ShardState, cause?: Error): Error | undefined {
  switch (state) {
    case 'down':
      return shardUnavailable(service, name, 'is down', cause);
    case 'demoted':
      return shardUnavailable(service, name, 'is a replica now, and takes no writes', cause);
    case 'quarantined':
      return shardUnavailable(service, name, 'is back, and in quarantine');
    default:
      return undefined;
  }
}
