import { afterEach, expect, it, vi } from 'vitest';
import { leftOutFiles } from '../../integration/harness/left-out.js';

afterEach(() => vi.unstubAllEnvs());

it('leaves out the tests that need servers where none can be had, and nothing else', () => {
  vi.stubEnv('CI', '');
  expect(leftOutFiles(() => false)).toContain('integration/harness-databases.test.ts');
  expect(leftOutFiles(() => true)).toEqual([]);
});

it('leaves out nothing in CI', () => {
  vi.stubEnv('CI', 'true');
  expect(leftOutFiles(() => false)).toEqual([]);
});
