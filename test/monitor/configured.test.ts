import { Outcome } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { monitorMesh } from 'fairlead/monitor';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function setUp() {
  const made = testMesh({ users: endpoints(3) }, { defaults: { health: [] } });
  const monitor = monitorMesh(made.mesh, { limits: { errorRatio: 0.5, minCalls: 10 }, raiseAfter: 1 });
  const config = createConfigStore(made.mesh, { compare: false });
  const stop = monitor.follow(config);
  const users = made.mesh.service('users');
  const look = (failing: number): void => {
    for (let i = 0; i < 20; i++) users.acquire().done(i < failing ? Outcome.Failure : Outcome.Success);
    made.clock.advance(10_000);
  };
  const rules = (): string[] => monitor.alerts.map(({ rule }) => rule);
  return { ...made, monitor, config, stop, look, rules };
}

describe('a monitor that follows a configuration', () => {
  it('goes by its limits over the program’s, each by itself, and by the program’s where it says none', async () => {
    const { config, look, rules } = setUp();
    look(4);
    expect(rules()).toEqual([]);
    await config.apply({ alerts: { limits: { errorRatio: 0.1 } } });
    look(4);
    expect(rules()).toHaveLength(1);
    await config.apply({ alerts: { limits: { errorRatio: 0.1 }, clearAfter: 1 } });
    look(0);
    expect(rules()).toEqual([]);
    await config.apply({});
    look(4);
    expect(rules()).toEqual([]);
  });

  it('looks as often as it says, and ends following', async () => {
    const { clock, config, stop, look, rules } = setUp();
    await config.apply({ alerts: { intervalMs: 1_000_000, limits: { errorRatio: 0 } } });
    look(20);
    expect(rules()).toEqual([]);
    clock.advance(1_000_000);
    expect(rules()).toHaveLength(1);
    stop();
    await config.apply({ alerts: { intervalMs: 10_000, clearAfter: 1 } });
    look(0);
    expect(rules()).toHaveLength(1);
  });

  it('refuses what is wrong with the document, at its place', async () => {
    const { config } = setUp();
    const refused = config.apply('alerts:\n  limits: { errorRatio: 2 }\n  webhook: { url: x }\n');
    await expect(refused).rejects.toMatchObject({
      problems: [
        { line: 2, path: 'alerts.limits.errorRatio' },
        { line: 3, path: 'alerts.webhook' },
      ],
    });
  });
});
