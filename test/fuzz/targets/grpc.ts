import { createMesh, Outcome, staticResolver } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { expect } from 'vitest';
import { takeLoadReport } from '../../../adapters/grpc/common/orca.js';
import { readChannelServiceConfig } from '../../../adapters/grpc/config/service-config.js';
import { parseTarget } from '../../../adapters/grpc/config/target.js';
import { decodeHealthStatus } from '../../../src/health/grpc-health-messages.js';
import { parseRetryAfter, parseRetryPushback } from '../../../src/resilience/retry-after.js';
import { CANARY, type FuzzTarget } from '../target.js';

const report = Buffer.alloc(18);
report[0] = (6 << 3) | 1;
report.writeDoubleLE(3.5, 1);
report[9] = (9 << 3) | 1;
report.writeDoubleLE(0.5, 10);
const serviceConfig = {
  loadBalancingConfig: [{ fairlead: { policy: 'peak_ewma' } }, { round_robin: {} }],
  methodConfig: [
    {
      name: [{ service: 'users.Users', method: 'Get' }],
      timeout: '0.5s',
      retryPolicy: {
        maxAttempts: 3,
        initialBackoff: '0.1s',
        maxBackoff: '1s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
  retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
};
const clock = new ManualClock();
const resolver = staticResolver({ users: ['127.0.0.1:1', '127.0.0.1:2'] });
const mesh = createMesh({ resolver, clock });
const { policies } = mesh;
const users = mesh.service('users', { policy: { weighted_round_robin: { loadReports: true } } });

export const grpc: readonly FuzzTarget[] = [
  {
    name: 'orca-report',
    examples: [report],
    read(input) {
      takeLoadReport(users.endpoints[0]!, input, clock);
      clock.advance(20_000);
      for (let i = 0; i < 4; i++) users.acquire().done(Outcome.Success);
    },
  },
  {
    name: 'grpc-health',
    examples: [Buffer.of(8, 1), Buffer.alloc(0)],
    read: (input) => decodeHealthStatus(input),
  },
  {
    name: 'grpc-service-config',
    examples: [JSON.stringify(serviceConfig)],
    words: ['"timeout":"-1s"', '"timeout":"1e9s"', '"hedgingPolicy":{"maxAttempts":5}', '"methodConfig":null', '"14"'],
    read: (input) => readChannelServiceConfig(input.toString(), policies),
  },
  {
    name: 'grpc-target',
    examples: ['users?policy=peak_ewma&policy.decayMs=5000&keyHeader=x-user', 'users'],
    words: ['policy=', '&', '?', 'policy.__proto__=1', 'authority=', '%7B', `&token=${CANARY}`],
    read: (input) => parseTarget({ scheme: 'fairlead', authority: '', path: input.toString() }),
  },
  {
    name: 'retry-after',
    examples: ['120', 'Wed, 21 Oct 2015 07:28:00 GMT', '0', '1000'],
    read(input) {
      const text = input.toString('latin1');
      expect(parseRetryAfter(text, 0) ?? 0).toBeGreaterThanOrEqual(0);
      expect(Number.isNaN(parseRetryPushback(text))).toBe(false);
    },
  },
];
