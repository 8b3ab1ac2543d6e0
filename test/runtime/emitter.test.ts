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
});
