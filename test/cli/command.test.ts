import { describe, expect, it } from 'vitest';
import { UsageError, withPackage } from '../../cli/command.js';

describe('a command whose package is not installed', () => {
  const missing =
    (message: string, code = 'ERR_MODULE_NOT_FOUND') =>
    () =>
      Promise.reject(Object.assign(new Error(message), { code }));

  it('says which one to install', async () => {
    await expect(withPackage(missing("Cannot find package 'undici' imported from /x.js"))).rejects.toThrow(
      'This command needs the package undici: npm install undici',
    );
    await expect(withPackage(missing("Cannot find package '@grpc/grpc-js' imported from /x.js"))).rejects.toThrow(
      'npm install @grpc/grpc-js',
    );
    await expect(withPackage(missing("Cannot find module 'yaml/dist'", 'MODULE_NOT_FOUND'))).rejects.toThrow(
      UsageError,
    );
  });

  it('tells any other error as it is', async () => {
    await expect(withPackage(missing('something else'))).rejects.toThrow('something else');
    await expect(withPackage(missing("Cannot find module './mine.js'"))).rejects.toThrow('./mine.js');
  });
});
