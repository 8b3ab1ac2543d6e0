import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import type { Checkout } from '../../../../adapters/mysql/cluster/checkout.js';
import type { QueryCommand } from '../../../../adapters/mysql/driver/driver.js';
import { StreamedOperation } from '../../../../adapters/mysql/session/streamed-operation.js';
import type { Statement } from '../../../../adapters/mysql/statement/verdicts.js';

/** What a caller hears of a statement without a callback, and what its attempt ended with. */
function fails(error: Error, localStream: object | null): { heard: unknown; ended: unknown } {
  const command = Object.assign(new EventEmitter(), { _localStream: localStream });
  const seen: { heard: unknown; ended: unknown } = { heard: undefined, ended: undefined };
  command.on('error', (each: object) => {
    seen.heard = { ...each };
  });
  const operation = new StreamedOperation({} as Statement, undefined, command as never as QueryCommand, () => {});
  const connection = new EventEmitter();
  operation.send({ physical: { connection } } as never as Checkout, {
    ended: (each) => {
      seen.ended = each;
    },
  });
  command.emit('error', error);
  return seen;
}

it('a LOAD DATA LOCAL without a callback whose stream fails says that it may have loaded rows', () => {
  const gone = new Error('the disk is gone');
  expect(fails(gone, {})).toEqual({ heard: { ambiguous: true }, ended: gone });
  expect(gone).toMatchObject({ ambiguous: true });
});

it('what the server refuses, and what asked for no stream, is not said to be ambiguous', () => {
  const refused = Object.assign(new Error('Duplicate entry'), { errno: 1062, sqlState: '23000' });
  expect(fails(refused, {}).heard).not.toHaveProperty('ambiguous');
  expect(fails(new Error('no stream factory'), null).heard).toEqual({});
});
