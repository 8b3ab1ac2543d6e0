import type { ReservedNames } from '../common/reserved.js';
import type { Command } from '../driver/driver.js';
import { onReply } from '../driver/on-reply.js';

/**
 * KEYS, SCAN and RANDOMKEY name no reserved key: a caller that deletes what these show would be
 * refused for a key that is none of its own. `name`: the command's, in lower case.
 */
export function hideReserved(command: Command, name: string, reserved: ReservedNames): void {
  const visible = (keys: readonly unknown[]): unknown[] => keys.filter((key) => !reserved.has(key));
  if (name === 'keys') onReply(command, (reply) => visible(reply as unknown[]));
  else if (name === 'randomkey') onReply(command, (reply) => (reserved.has(reply) ? null : reply));
  else if (name === 'scan') {
    onReply(command, (reply) => {
      const [cursor, page] = reply as [unknown, unknown[]];
      return [cursor, visible(page)];
    });
  }
}
