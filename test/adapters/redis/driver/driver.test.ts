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
});
