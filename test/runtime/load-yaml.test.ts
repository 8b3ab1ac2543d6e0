import { createConfigStore } from 'fairlead/config';
import { afterEach, expect, it, vi } from 'vitest';
import { parseServices } from '../../src/discovery/sources/parse-services.js';
import { testMesh } from '../support/mesh.js';

afterEach(() => vi.doUnmock('yaml'));

it('YAML without its package is one error, wherever it is read, and JSON needs none', async () => {
  vi.doMock('yaml', () => {
    throw new Error("Cannot find package 'yaml'");
  });
  const { mesh } = testMesh({});
  const config = createConfigStore(mesh, { compare: false });
  const missing = (what: string) => ({
    code: 'FAIRLEAD_INVALID_OPTION',
    message: `${what} in YAML needs the package 'yaml': npm install yaml. JSON needs nothing.`,
    cause: expect.any(Error),
  });
  await expect(config.apply('services: {}')).rejects.toMatchObject(missing('A document'));
  await expect(parseServices('users: []', 'yaml')).rejects.toMatchObject(missing('A file'));
  await config.apply('{"services":{}}');
  expect(await parseServices('{"users":[]}', 'json')).toEqual(new Map([['users', []]]));
  await mesh.close();
});
