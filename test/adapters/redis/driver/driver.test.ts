import { ManualClock } from 'fairlead/testing';
import { Command } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { connectTo } from '../../../../adapters/redis/driver/driver.js';

const errors = {
  unsent: (cause: Error) => cause,
  lost: (cause: Error) => cause,
  answered: () => {},
  broke: () => {},
  late: () => {},
};

describe('a connection to a shard', () => {
  it('tells the deadline that its commands have', () => {
    const connection = connectTo({ commandTimeout: 700 }, { clock: new ManualClock(), errors });
    expect(connection.options.commandTimeout).toBe(700);
    expect({ ...connection.options }.commandTimeout).toBe(700);
    expect(connection.duplicate({ lazyConnect: true }).options.commandTimeout).toBe(700);
    expect(connectTo({}, { clock: new ManualClock(), errors }).options.commandTimeout).toBeUndefined();
  });

  it('counts it by its own clock, without the timer that ioredis arms for each command', async () => {
    const clock = new ManualClock();
    const connection = connectTo({ commandTimeout: 700 }, { clock, errors });
    // As while a connection is being made again: what is sent waits.
    Object.assign(connection, { status: 'reconnecting', condition: { select: 0 } });
    const command = new Command('get', ['a']);
    connection.sendCommand(command);
    expect(command).not.toHaveProperty('_commandTimeoutTimer');
    clock.advance(700);
    await expect(command.promise).rejects.toThrow('Command timed out');
    expect(connection.options.commandTimeout).toBe(700);
  });

  it.each([
    [
      'cannot be read',
      () => {
        throw new Error('no such file');
      },
      /no such file/,
    ],
    ['is none', () => '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n', /asn1|PEM/i],
  ])('is tried again where a certificate %s at the moment, and says why', async (_, cert, message) => {
    const options = { host: '127.0.0.1', port: 1, tls: {}, retryStrategy: () => 1 };
    Object.defineProperty(options.tls, 'cert', { enumerable: true, get: cert });
    const connection = connectTo(options, { clock: new ManualClock(), errors });
    const heard: string[] = [];
    connection.on('error', (error: Error) => heard.push(error.message));
    connection.connect().catch(() => {});
    // By a listener: `once` of events rejects at an error.
    const again = () => new Promise<void>((resolve) => connection.once('reconnecting', () => resolve()));
    await again();
    await again();
    expect(heard).toEqual([expect.stringMatching(message), expect.stringMatching(message)]);
    connection.disconnect();
  });
});
