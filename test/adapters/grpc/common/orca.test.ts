import { toBinary } from '@bufbuild/protobuf';
import { DurationSchema, durationFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLoadReport } from '../../../../adapters/grpc/common/orca.js';
import { encodeLoadReportRequest } from '../../../../adapters/grpc/connections/load-watch.js';

/** One field of protobuf: a double. */
function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (field << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

describe('a load report', () => {
  it('is read past the fields that balancing does not need', () => {
    const report = Buffer.concat([
      double(1, 0.25),
      double(2, 0.9),
      Buffer.from([0x18, 0x96, 0x01]),
      Buffer.from([0x22, 0x03, 1, 2, 3]),
      double(6, 120.5),
      double(7, 2),
    ]);
    expect(decodeLoadReport(report)).toEqual({ requestsPerSecond: 120.5, errorsPerSecond: 2, utilization: 0.25 });
    const withApplication = Buffer.concat([report, double(9, 0.75)]);
    expect(decodeLoadReport(withApplication)?.utilization).toBe(0.75);
  });

  it('that is cut off, or is something else, is passed over without harm', () => {
    const whole = Buffer.concat([double(6, 1), Buffer.from([0x22, 0x03, 1, 2, 3])]);
    for (let length = 1; length < whole.length; length++) {
      if (length !== 9) expect(decodeLoadReport(whole.subarray(0, length))).toBeUndefined();
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeLoadReport(bytes)));
  });
});

describe('the request for load reports', () => {
  it('is that of protobuf: field 1, and in it the well-known duration', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 3_600_000 }), (ms) => {
        const duration = toBinary(DurationSchema, durationFromMs(ms));
        expect([...encodeLoadReportRequest(ms)]).toEqual([0x0a, duration.length, ...duration]);
      }),
    );
  });
});
