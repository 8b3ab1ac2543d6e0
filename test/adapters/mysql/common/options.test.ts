import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql';
import { describe, expect, it } from 'vitest';
import { DRIVER_OPTIONS } from '../../../../adapters/mysql/common/driver-options.js';
import { readPoolOptions } from '../../../../adapters/mysql/common/options.js';

const refusal = (options: Record<string, unknown>): unknown => {
  try {
    return readPoolOptions({ service: 'mysql', ...options });
  } catch (error) {
    return error;
  }
};

describe('options of createPool', () => {
  it('know each option of the installed mysql2, and no other', () => {
    const path = createRequire(import.meta.url).resolve('mysql2');
    const source = readFileSync(path.replace(/index\.js$/, 'lib/connection_config.js'), 'utf8');
    const list = /const validOptions = \{([\s\S]*?)\n\};/.exec(source)![1]!;
    const names = [...list.matchAll(/^\s+(\w+): 1,$/gm)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(40);
    expect([...DRIVER_OPTIONS].sort()).toEqual(names.sort());
  });

  it.each([
    ['one that nobody knows', { databse: 'shop' }, 'createPool.databse is not an option'],
    ['one of ours that is mistyped', { maxLag: 5 }, 'createPool.maxLag is not an option: there are service, '],
    ['one of TLS', { ssl: { rejectUnauthorised: true } }, 'createPool.ssl.rejectUnauthorised is not an option'],
    ['one of TLS that mysql2 ignores', { ssl: { crl: 'x' } }, 'createPool.ssl.crl is not an option'],
    ['a server', { host: 'db1' }, 'createPool.host is "set": allowed is unset: servers come from'],
    ['a time zone by name', { timezone: 'Europe/Berlin' }, 'createPool.timezone is "Europe/Berlin"'],
    ['a time to connect that is no time', { connectTimeout: 'long' }, 'createPool.connectTimeout is "long"'],
    ['a limit below 0', { connectionLimit: -1 }, 'createPool.connectionLimit is -1'],
    ['a prober without a name', { probeUser: {} }, 'createPool.probeUser.user is null'],
    ['a prober with a role', { probeUser: { user: 'a', role: 'b' } }, 'createPool.probeUser.role is not an option'],
  ])('refuse %s', (_, options, message) => {
    expect(refusal(options)).toMatchObject({
      code: 'FAIRLEAD_INVALID_OPTION',
      message: expect.stringContaining(message) as string,
    });
  });

  it('never show a password that is refused', () => {
    for (const options of [{ password: 12345678 }, { probeUser: { user: 'a', password: { secret: 12345678 } } }]) {
      const error = refusal(options) as Error;
      expect(error.message).toContain('neither a string nor a function (value not shown)');
      expect(error.message).not.toContain('12345678');
    }
  });

  it('take undefined for not given', () => {
    const { connection, pool } = readPoolOptions({ service: 'mysql', database: undefined, connectionLimit: undefined });
    expect(connection).toEqual({});
    expect(pool.connectionLimit).toBe(10);
  });

  it('leave the options object as it was', () => {
    const ssl = Object.freeze({ minVersion: 'TLSv1.2' });
    expect(() => readPoolOptions({ service: 'mysql', ssl })).not.toThrow();
  });

  it.each([
    ['a TLS profile that it does not know', { ssl: 'No Such Cloud' }],
    ['a character set that it does not know', { charset: 'klingon' }],
  ])('refuse what mysql2 would refuse with every connection: %s', async (_, options) => {
    await using mesh = createMesh({ resolver: staticResolver({ mysql: [] }) });
    expect(() => createPool(mesh, { service: 'mysql', ...options })).toThrow(
      expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION' }),
    );
  });
});
