import { createMesh, FairleadError, type Service } from 'fairlead';
import { ManualClock, type ScriptStep, scriptedResolver } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

function play(script: readonly ScriptStep[]) {
  const clock = new ManualClock();
  const resolver = scriptedResolver({ clock, script: { users: script } });
  const mesh = createMesh({ resolver, clock });
  const service = mesh.service('users');
  return { clock, resolver, mesh, service };
}

const ids = (service: Service): string[] => service.endpoints.map((endpoint) => endpoint.spec.id);
const A = '127.0.0.1:1';
const B = '127.0.0.1:2';

describe('scripted resolver', () => {
  it('tells lists and errors at their times, and the last list stays in force after an error', () => {
    const { clock, service } = play([
      { atMs: 0, snapshot: [A, B] },
      { atMs: 100, error: new Error('gone') },
      { atMs: 200, snapshot: [B, '127.0.0.1:3'] },
    ]);
    expect(ids(service)).toEqual([A, B]);
    clock.advance(100);
    expect(service.discovery.error?.message).toBe('gone');
    expect(ids(service)).toEqual([A, B]);
    clock.advance(100);
    expect(service.discovery.error).toBeUndefined();
    expect(ids(service)).toEqual([B, '127.0.0.1:3']);
  });

  it('tells nothing during a silence and the last list that was missed at its end', () => {
    const { clock, service } = play([
      { atMs: 0, snapshot: [A, B] },
      { atMs: 100, silentForMs: 1_000 },
      { atMs: 200, snapshot: [A] },
      { atMs: 300, error: new Error('not heard') },
      { atMs: 400, snapshot: [A, '127.0.0.1:4'] },
    ]);
    clock.advance(1_099);
    expect(ids(service)).toEqual([A, B]);
    expect(service.discovery.error).toBeUndefined();
    expect(service.discovery.ageMs).toBe(1_099);
    clock.advance(1);
    expect(ids(service)).toEqual([A, '127.0.0.1:4']);
    expect(service.discovery.ageMs).toBe(0);
  });

  it('confirms a list that is told again with the same version', () => {
    const { clock, service } = play([
      { atMs: 0, snapshot: [A], version: '7' },
      { atMs: 500, snapshot: [A], version: '7' },
    ]);
    clock.advance(600);
    expect(service.discovery).toMatchObject({ version: '7', ageMs: 100 });
  });

  it('counts open watches, so that a test can see that all were closed', async () => {
    const { resolver, mesh } = play([{ atMs: 0, snapshot: [A] }]);
    expect(resolver.watching('users')).toBe(1);
    await mesh.close();
    expect(resolver.watching('users')).toBe(0);
  });

  it('refuses a step that is not right, saying which', () => {
    expect(() => play([{ atMs: 0, snapshot: ['nowhere'] }])).toThrow(/scriptedResolver\.users\[0\]\.snapshot\[0\]/);
    expect(() => play([{ atMs: -1, snapshot: [] }])).toThrow(FairleadError);
    expect(() => play([{ atMs: 0, silentForMs: 0 }])).toThrow(/silentForMs/);
  });
});
