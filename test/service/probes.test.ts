import { consecutiveFailures, createMesh, Outcome, serviceStats, staticResolver } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { expect, it } from 'vitest';

it("an adapter's probes are evidence for health, and no calls", () => {
  const clock = new ManualClock();
  const resolver = staticResolver({ cache: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'] });
  const mesh = createMesh({ resolver, clock });
  const service = mesh.service('cache', { health: [consecutiveFailures({ failures: 3 })], measureLatency: true });
  using stats = serviceStats(service, { clock });
  const [sick, well] = service.endpoints;
  for (let i = 0; i < 3; i++) {
    service.reportProbe(sick!, Outcome.Timeout);
    service.reportProbe(well!, Outcome.Success);
  }
  expect(service.rotation).not.toContain(sick);
  expect(service.rotation).toContain(well);
  expect(sick!.inflight).toBe(0);
  expect(stats.read().map(({ calls, failures }) => calls + failures)).toEqual([0, 0, 0]);
  // Of an endpoint that it does not know, or after its end, it says nothing.
  resolver.update('cache', ['127.0.0.1:2']);
  service.reportProbe(sick!, Outcome.Timeout);
  void mesh.close();
  service.reportProbe(well!, Outcome.Timeout);
});
