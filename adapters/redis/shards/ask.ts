import { shardUnavailable } from '../common/errors.js';
import { rawCommand } from '../driver/driver.js';
import type { Shard } from './shard.js';

/**
 * Asks for the sake of a key that is handed over. Fails at once where the shard cannot be used or
 * goes down meanwhile, rather than wait for it: what was sent then may still be executed.
 */
export function ask(service: string, shard: Shard, name: string, args: readonly (string | Buffer)[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error | undefined): void => {
      reject(shardUnavailable(service, shard.name, 'is needed to hand over the key, and cannot be asked', cause));
    };
    const refusal = shard.refusal();
    if (refusal !== undefined) {
      // A caller may try again at once.
      setImmediate(refuse, refusal);
      return;
    }
    const command = rawCommand(name, args);
    const forget = shard.onceDown(() => refuse(shard.refusal()));
    command.promise.then(
      (reply: unknown) => {
        forget();
        resolve(reply);
      },
      (error: Error) => {
        forget();
        reject(error);
      },
    );
    shard.issue(command);
  });
}
