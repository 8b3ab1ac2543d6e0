import { createMesh, staticResolver } from 'fairlead';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { consulKv, consulResolver } from '../../src/discovery/consul/index.js';
import { SafeEmitter } from '../../src/runtime/emitter.js';
import { ScriptedConsul } from '../support/scripted-consul.js';
import { quiet, until } from '../support/until.js';

/** Every warning of a leak that Node prints while the test runs. */
function leakWarnings(): string[] {
  const seen: string[] = [];
  const hear = (warning: Error): void => {
    if (warning.name === 'MaxListenersExceededWarning') seen.push(warning.message);
  };
  process.on('warning', hear);
  onTestFinished(() => void process.off('warning', hear));
  return seen;
}

const MANY = 40;
const many = <T>(make: (i: number) => T): T[] => Array.from({ length: MANY }, (_, i) => make(i));

describe('many that listen at once are no leak', () => {
  it('to the events of one service', async () => {
    const warnings = leakWarnings();
    const emitter = new SafeEmitter<{ tick: readonly [] }>({ tick: true });
    many(() => emitter.on('tick', () => {}));
    const service = createMesh({ resolver: staticResolver({ users: ['h:1'] }) }).service('users');
    for (const name of ['endpoints', 'rotation', 'error'] as const) many(() => service.on(name, () => {}));
    await quiet(5);
    expect(warnings).toEqual([]);
  });

  it('to one signal: of a caller, of a service that waits for its first endpoint', async () => {
    const warnings = leakWarnings();
    const mesh = createMesh({ resolver: staticResolver({ users: [] }) });
    const service = mesh.service('users');
    const stop = new AbortController();
    const waiting = [...many(() => service.ready(stop.signal)), ...many(() => service.ready())];
    const ends = Promise.allSettled(waiting);
    await quiet(5);
    stop.abort(new Error('enough'));
    await mesh.close();
    expect((await ends).filter(({ status }) => status === 'rejected')).toHaveLength(2 * MANY);
    expect(warnings).toEqual([]);
  });

  it('to the signal that ends the watches of a mesh', async () => {
    const warnings = leakWarnings();
    const consul = await ScriptedConsul.start();
    const stop = new AbortController();
    const context = { clock: new ManualClock(), random: seededRandom(1) };
    const kv = consulKv({ address: consul.address, env: {} });
    const resolver = consulResolver({ address: consul.address, env: {} });
    const heard: Error[] = [];
    const error = (each: Error): number => heard.push(each);
    many((i) => kv.watch(`k${i}`, { value: () => {}, error }, stop.signal, context));
    many((i) => resolver.watch({ service: `s${i}`, params: {} }, { snapshot: () => {}, error }, stop.signal, context));
    await until(() => consul.requests.length >= MANY);
    await consul.quiet();
    stop.abort();
    resolver.close?.();
    await consul.down();
    expect(warnings).toEqual([]);
  });
});
