import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SafeEmitter } from '../../src/runtime/emitter.js';

interface Events {
  readonly tick: readonly [count: number];
  readonly error: readonly [error: Error];
}

const NAMES = { tick: true, error: true } as const;

describe('events', () => {
  it('reach every listener although one throws, and the throw is reported as a warning', async () => {
    const emitter = new SafeEmitter<Events>(NAMES);
    const heard: number[] = [];
    emitter.on('tick', () => {
      throw new Error('listener bug');
    });
    emitter.on('tick', (count) => heard.push(count));
    const warning = once(process, 'warning');
    emitter.emit('tick', 7);
    expect(heard).toEqual([7]);
    const [warned] = await warning;
    expect(warned).toMatchObject({ code: 'FAIRLEAD_LISTENER' });
    expect(String(warned)).toContain('listener bug');
  });

  it('survive a listener whose promise rejects', async () => {
    const emitter = new SafeEmitter<Events>(NAMES);
    emitter.on('tick', (() => Promise.reject(new Error('late bug'))) as () => void);
    const warning = once(process, 'warning');
    emitter.emit('tick', 1);
    expect(String((await warning)[0])).toContain('late bug');
  });

  it('survive a listener that throws what cannot be shown', async () => {
    const emitter = new SafeEmitter<Events>(NAMES);
    const heard: number[] = [];
    emitter.on('tick', () => {
      throw Object.create(null);
    });
    emitter.on('tick', (count) => heard.push(count));
    const warning = once(process, 'warning');
    emitter.emit('tick', 7);
    expect(heard).toEqual([7]);
    expect(String((await warning)[0])).toContain('cannot be shown');
  });

  it("do not crash the process when nobody hears an 'error'", () => {
    expect(() => new SafeEmitter<Events>(NAMES).emit('error', new Error('unheard'))).not.toThrow();
  });

  it('that do not exist have no listeners, nor do those that exist have any but functions', () => {
    const emitter = new SafeEmitter<Events>(NAMES);
    for (const name of ['tock', 'toString', undefined]) {
      expect(() => emitter.on(name as 'tick', () => {})).toThrow(/^event is .*: allowed is one of tick, error\.$/);
    }
    expect(() => emitter.on('tick', undefined as never)).toThrow(
      /^listener of 'tick' is undefined: allowed is a function/,
    );
  });

  it('stop when the listener says so', () => {
    const emitter = new SafeEmitter<Events>(NAMES);
    const heard: number[] = [];
    const stop = emitter.on('tick', (count) => heard.push(count));
    emitter.emit('tick', 1);
    stop();
    emitter.emit('tick', 2);
    expect(heard).toEqual([1]);
    expect(emitter.hears('tick')).toBe(false);
  });

  it('reach an object that has methods for them, until it leaves', () => {
    const emitter = new SafeEmitter<Events>(NAMES);
    class Follower {
      readonly heard: number[] = [];
      tick(count: number): void {
        this.heard.push(count);
      }
    }
    const follower = new Follower();
    emitter.join(follower);
    emitter.emit('tick', 1);
    emitter.emit('error', new Error('not followed'));
    expect([emitter.hears('tick'), emitter.hears('error')]).toEqual([true, false]);
    emitter.leave(follower);
    emitter.emit('tick', 2);
    expect(follower.heard).toEqual([1]);
    expect(emitter.hears('tick')).toBe(false);
  });

  it('reach those that listened when it was emitted, whatever a listener ends or adds', () => {
    const emitter = new SafeEmitter<Events>(NAMES);
    const heard: string[] = [];
    const stops = [...'abcdefghij'].map((name) =>
      emitter.on('tick', () => {
        heard.push(name);
        for (const stop of stops) stop();
        emitter.on('tick', () => heard.push('late'));
      }),
    );
    emitter.emit('tick', 1);
    expect(heard.join('')).toBe('abcdefghij');
    emitter.clear();
    expect(emitter.hears('tick')).toBe(false);
  });
});
