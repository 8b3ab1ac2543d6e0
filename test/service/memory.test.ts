import { createMesh, staticResolver } from 'fairlead';
import { expect, it } from 'vitest';
import { bytesHeld } from '../support/bytes.js';

/**
 * What a service holds before its first call, its endpoint included: a program may have hundreds,
 * and most of what a service can do is used by few. What it needs for that it makes when it does.
 */
it('of one endpoint takes less than 5 kB', () => {
  const services = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`s${i}`, [`10.0.0.1:${1 + i}`]]));
  const mesh = createMesh({ resolver: staticResolver(services) });
  const names = Object.keys(services);
  for (const name of names.splice(0, 100)) mesh.service(name);
  const bytes = bytesHeld(() => {
    for (const name of names) mesh.service(name);
  });
  expect(bytes / names.length).toBeGreaterThan(1_000);
  expect(bytes / names.length).toBeLessThan(5_000);
});
