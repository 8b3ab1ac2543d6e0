import { systemClock } from 'fairlead';
import { Command } from 'ioredis';
import { expect, it } from 'vitest';
import { connectTo } from '../../adapters/redis/driver/connection.js';
import { freePort } from '../harness/ports.js';

it('says of what was left of a transaction when its connection broke that nothing was sent', async () => {
  const errors = {
    unsent: (cause: Error) => new Error('nothing was sent', { cause }),
    lost: (cause: Error) => new Error('lost', { cause }),
    answered: () => {},
    broke: () => {},
    late: () => {},
  };
  const options = { host: '127.0.0.1', port: await freePort('127.0.0.1'), retryStrategy: () => null };
  const connection = connectTo(options, { clock: systemClock, errors }).on('error', () => {});
  // As MULTI was written and the stream failed by that: what follows waits for the next connection.
  const rest = [new Command('set', ['k', 'a secret']), new Command('exec', [])];
  const failed = rest.map((command) => {
    command.inTransaction = true;
    void connection.sendCommand(command);
    return command.promise.then(
      () => undefined,
      (error: Error) => error,
    );
  });
  await connection.connect().catch(() => {});
  for (const error of await Promise.all(failed)) {
    expect(error).toMatchObject({ message: 'nothing was sent', cause: { name: 'AbortError' } });
    expect(JSON.stringify(error!.cause)).not.toContain('a secret');
  }
});
