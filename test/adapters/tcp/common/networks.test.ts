import { describe, expect, it } from 'vitest';
import { networks } from '../../../../adapters/tcp/common/networks.js';

describe('networks', () => {
  const trusted = networks(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '::1'], 'from')!;

  it.each([
    ['10.255.0.1', true],
    ['11.0.0.1', false],
    ['192.0.2.1', true],
    ['192.0.2.2', false],
    ['::ffff:10.0.0.1', true],
    ['2001:db8:1::5', true],
    ['2001:db9::1', false],
    ['::1', true],
    ['', false],
    [undefined, false],
    ['localhost', false],
  ])('%s: %s', (address, inside) => {
    expect(trusted.has(address)).toBe(inside);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0', 'fe80::1%eth0/64', '::/129', 'all', 3])(
    'are not %j',
    (network) => {
      expect(() => networks(['10.0.0.1', network], 'from')).toThrow(/from\[1\] is .*a network, such as/);
    },
  );

  it('are a list', () => {
    expect(() => networks('10.0.0.0/8', 'from')).toThrow(/from/);
    expect(networks(undefined, 'from')).toBeUndefined();
  });
});
