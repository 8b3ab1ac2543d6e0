import { createMesh, staticResolver } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { expect, it } from 'vitest';
import type { ChannelBinding } from '../../../adapters/grpc/binding.js';
import { ServiceResolver } from '../../../adapters/grpc/resolver.js';

it('says nothing more, and waits for nothing, once what it said has closed the channel', async () => {
  const clock = new ManualClock();
  await using mesh = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1'] }), clock });
  const service = mesh.service('users');
  const binding = { service, clock, discoveryTimeoutMs: 5_000, attributes: {}, serviceConfig: {} };
  const idle = clock.pending;
  let said = 0;
  const resolver = new ServiceResolver(binding as unknown as ChannelBinding, () => {
    said++;
    resolver.destroy();
    return true;
  });
  resolver.updateResolution();
  expect(clock.pending).toBe(idle);
  clock.advance(10_000);
  expect(said).toBe(1);
});
