import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { connectOptions } from '../../../../adapters/mysql/connections/connect-options.js';

const spec = { id: 'db0', host: '10.0.0.1', port: 3306 } as never;
const host = (connection: Record<string, unknown> = {}, clock = new ManualClock()) =>
  ({ clock, service: 'mysql', connection }) as never;

describe('what mysql2 needs for a connection', () => {
  it('is the server, the login and the password of now', async () => {
    let passwords = 0;
    const login = { password: () => `p${++passwords}` };
    expect(await connectOptions(host({ user: 'app' }), spec, login)).toEqual({
      user: 'app',
      host: '10.0.0.1',
      port: 3306,
      password: 'p1',
    });
    expect(await connectOptions(host(), spec, { password: async () => 'p-async' })).toMatchObject({
      password: 'p-async',
    });
    expect((await connectOptions(host(), spec, login)).password).toBe('p2');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('vault sealed');
      },
    ],
    ['rejects', () => Promise.reject(new Error('vault sealed'))],
    ['gives something else', () => 5],
  ])('fails with the reason when the function that gives the password %s', async (_, password) => {
    await expect(connectOptions(host(), spec, { password: password as never })).rejects.toMatchObject({
      code: 'FAIRLEAD_NO_CONNECTION',
      message: 'The function that gives the password failed.',
      cause: { message: expect.stringMatching(/vault sealed|It gave number/) as string },
    });
  });

  it('does not wait for a password longer than for a connection', async () => {
    const clock = new ManualClock();
    const asked = connectOptions(host({ connectTimeout: 3_000 }, clock), spec, {
      password: () => new Promise(() => {}),
    });
    clock.advance(3_000);
    await expect(asked).rejects.toThrow('gave none within connectTimeout 3000 ms');
  });

  it('names the server for TLS by servername, and still connects to the address', async () => {
    const ssl = { verifyIdentity: true, servername: 'db.example' };
    const options = await connectOptions(host({ ssl }), spec, {});
    expect(options).toMatchObject({ host: 'db.example', stream: expect.any(Function) as unknown });
  });

  it('refuses to check the name in a certificate where none is known', async () => {
    await expect(connectOptions(host({ ssl: { verifyIdentity: true } }), spec, {})).rejects.toMatchObject({
      code: 'FAIRLEAD_INVALID_OPTION',
      message: expect.stringContaining("endpoint 'db0' is known by its address only") as string,
    });
    const named = { id: 'db0', host: 'db0.example', port: 3306 } as never;
    expect(await connectOptions(host({ ssl: { verifyIdentity: true } }), named, {})).toMatchObject({
      host: 'db0.example',
    });
  });
});
