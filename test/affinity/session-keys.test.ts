import { clientIpKey, cookieKey, firstKey, headerKey } from 'fairlead';
import { describe, expect, it } from 'vitest';

describe('clientIpKey', () => {
  const key = clientIpKey();
  it.each([
    ['10.1.2.3', '10.1.2.3/32'],
    ['::ffff:10.1.2.3', '10.1.2.3/32'],
    ['::ffff:a01:203', '10.1.2.3/32'],
    ['256.1.1.1', undefined],
    ['1.2.3.4.', undefined],
    ['2001:db8:::1', undefined],
    ['a:b]/x', undefined],
    ['2001:db8:0:1::5', '20010db800000001/64'],
    ['2001:0DB8:0:1:ffff:ffff:ffff:ffff', '20010db800000001/64'],
    ['[2001:db8:0:1::5]', '20010db800000001/64'],
    ['fe80::1%eth0', 'fe80000000000000/64'],
    ['::1', '0000000000000000/64'],
    ['::', '0000000000000000/64'],
    ['64:ff9b::192.0.2.1', '0064ff9b00000000/64'],
    ['', undefined],
    ['localhost', undefined],
    ['10.1.2', undefined],
    [undefined, undefined],
  ])('of %s is %s', (address, expected) => {
    expect(key(address)).toBe(expected);
  });

  it('keeps as many bits as it is told', () => {
    expect(clientIpKey({ ipv4Prefix: 24 })('192.168.7.9')).toBe('192.168.7.0/24');
    expect(clientIpKey({ ipv4Prefix: 9 })('10.255.1.1')).toBe('10.128.0.0/9');
    expect(clientIpKey({ ipv6Prefix: 128 })('2001:db8::1')).toBe('20010db8000000000000000000000001/128');
    expect(clientIpKey({ ipv6Prefix: 48 })('2001:db8:7:ffff::1')).toBe('20010db80007/48');
    expect(clientIpKey({ ipv6Prefix: 128 })('64:ff9b::192.0.2.1')).toBe('0064ff9b0000000000000000c0000201/128');
  });

  it('refuses a prefix that cannot be', () => {
    expect(() => clientIpKey({ ipv4Prefix: 33 })).toThrow(/clientIpKey\.ipv4Prefix is 33/);
  });
});

describe('headerKey', () => {
  it("reads Node's headers, fetch's Headers and gRPC metadata", () => {
    const key = headerKey('X-User');
    expect(key({ 'x-user': 'ada' })).toBe('ada');
    expect(key({ 'x-user': ['ada', 'bob'] })).toBe('ada');
    expect(key(new Headers({ 'x-user': 'ada' }))).toBe('ada');
    expect(key({ get: () => ['ada'] })).toBe('ada');
    expect(key({ get: () => [Buffer.from([0xff, 0x00])] })).toBe('\u00ff\u0000');
  });

  it('has no key without the header, with an empty one, and none from the prototype', () => {
    expect(headerKey('x-user')({})).toBeUndefined();
    expect(headerKey('x-user')({ 'x-user': '' })).toBeUndefined();
    expect(headerKey('constructor')({})).toBeUndefined();
    expect(headerKey('x-user')(new Headers())).toBeUndefined();
  });
});

describe('cookieKey', () => {
  it.each([
    ['session=abc', 'abc'],
    ['a=1; session=abc; b=2', 'abc'],
    ['xsession=1; session=a=b', 'a=b'],
    ['session=', undefined],
    ['session', undefined],
    ['', undefined],
  ])('of %j is %s', (cookie, expected) => {
    expect(cookieKey('session')({ cookie })).toBe(expected);
  });
});

describe('firstKey', () => {
  it('asks in order until one tells', () => {
    const key = firstKey(cookieKey('session'), headerKey('x-user'));
    expect(key({ cookie: 'session=s', 'x-user': 'u' })).toBe('s');
    expect(key({ 'x-user': 'u' })).toBe('u');
    expect(key({})).toBeUndefined();
  });
});
