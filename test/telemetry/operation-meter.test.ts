import { describe, expect, it } from 'vitest';
import { OperationMeter } from '../../src/telemetry/operation-meter.js';

describe('the operations of a service', () => {
  it('are a series for each name and end', () => {
    const meter = new OperationMeter('redis');
    const ok = meter.of('GET', '', false);
    expect(meter.of('GET', '', false)).toBe(ok);
    expect(meter.of('GET', 'ERR', true)).toMatchObject({ operation: 'GET', status: 'ERR', failed: true });
    meter.of('SET', '', false);
    expect(meter.all.map(({ operation, status }) => `${operation} ${status}`)).toEqual(['GET ', 'GET ERR', 'SET ']);
  });

  it('are a thousand at most; all that come later are one for those that failed and one for the others', () => {
    const meter = new OperationMeter('http');
    const first = meter.of('name 0', '', false);
    for (let i = 1; i < 1_000; i++) meter.of(`name ${i}`, '', false);
    expect(meter.all).toHaveLength(1_000);
    const well = meter.of('name 1000', '200', false);
    const failed = meter.of('name 1000', '500', true);
    expect(well).toMatchObject({ operation: '_OTHER', status: '', failed: false });
    expect(failed).toMatchObject({ operation: '_OTHER', status: '_OTHER', failed: true });
    for (let i = 0; i < 50; i++) {
      expect(meter.of(`more ${i}`, '200', false)).toBe(well);
      expect(meter.of('name 0', `${i}`, true)).toBe(failed);
    }
    expect(meter.of('name 0', '', false)).toBe(first);
    expect(meter.all).toHaveLength(1_002);
  });
});
