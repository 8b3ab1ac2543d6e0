import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHealthStatus, encodeHealthRequest } from '../../src/health/grpc-health-messages.js';

describe('the health messages', () => {
  it('are those of protobuf', () => {
    expect(encodeHealthRequest('')).toEqual(Buffer.alloc(0));
    expect(encodeHealthRequest('a.B').toString('latin1')).toBe('\n\u0003a.B');
    const long = encodeHealthRequest('x'.repeat(200));
    expect([...long.subarray(0, 3)]).toEqual([0x0a, 0xc8, 0x01]);
    expect(long).toHaveLength(203);
    expect(decodeHealthStatus(Buffer.from([0x08, 0x01]))).toBe('SERVING');
    expect(decodeHealthStatus(Buffer.alloc(0))).toBe('UNKNOWN');
  });

  it('are read past fields that are not known, and taken for nothing where they are something else', () => {
    expect(decodeHealthStatus(Buffer.from([0x12, 0x02, 0x08, 0x01, 0x08, 0x02]))).toBe('NOT_SERVING');
    expect(decodeHealthStatus(Buffer.from([0x08, 0x2a]))).toBeUndefined();
    expect(decodeHealthStatus(Buffer.from([0x08]))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeHealthStatus(bytes)));
  });
});
