import { EventEmitter, getEventListeners, once, setMaxListeners } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { types } from 'node:util';
import { createMesh, staticResolver } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { lazySignal } from '../../src/runtime/lazy-signal.js';
import { endpoints, testMesh } from '../support/mesh.js';

/** An owner that counts how often its signal is made. */
function counted(): { signal: AbortSignal; controller: AbortController; made: () => number } {
  const controller = new AbortController();
  let made = 0;
  let own: AbortSignal | undefined;
  const owner = {
    get signal() {
      if (own === undefined) made++;
      own ??= controller.signal;
      return own;
    },
  };
  return { signal: lazySignal(owner), controller, made: () => made };
}

const why = new Error('enough');

describe('a lazy signal', () => {
  it('is made when it is first touched, once', () => {
    const { signal, made } = counted();
    // Where Node takes real signals only it is made at once; Node 20 takes lazy ones.
    if (process.versions.node.startsWith('20.')) expect(types.isProxy(signal)).toBe(true);
    expect(made()).toBe(types.isProxy(signal) ? 0 : 1);
    expect(signal.aborted).toBe(false);
    expect(signal.aborted).toBe(false);
    expect(made()).toBe(1);
  });

  it('is an AbortSignal to whoever asks', () => {
    const { signal } = counted();
    expect(signal).toBeInstanceOf(AbortSignal);
    expect('aborted' in signal).toBe(true);
    expect(signal.constructor).toBe(AbortSignal);
    expect(Object.prototype.toString.call(signal)).toBe('[object AbortSignal]');
  });

  it('tells listeners, also those set as onabort, and forgets those that left', () => {
    const { signal, controller } = counted();
    const heard: string[] = [];
    const gone = (): void => void heard.push('gone');
    signal.addEventListener('abort', () => heard.push('listener'), { once: true });
    signal.addEventListener('abort', gone);
    signal.removeEventListener('abort', gone);
    signal.onabort = () => heard.push('onabort');
    controller.abort(why);
    expect(heard.sort()).toEqual(['listener', 'onabort']);
    expect(signal.reason).toBe(why);
    expect(() => signal.throwIfAborted()).toThrow(why);
  });

  it('is taken by AbortSignal.any, timers, events and streams', async () => {
    const { signal, controller } = counted();
    const any = AbortSignal.any([signal]);
    setMaxListeners(50, signal);
    const ends = [
      sleep(60_000, undefined, { signal }),
      once(new EventEmitter(), 'never', { signal }),
      pipeline(new Readable({ read: () => undefined }), new PassThrough(), { signal }),
    ].map((end) =>
      end.then(
        () => 'ended',
        (error: Error) => error.name,
      ),
    );
    controller.abort(why);
    expect(await Promise.all(ends)).toEqual(['AbortError', 'AbortError', 'AbortError']);
    expect(any.aborted).toBe(true);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is taken by fetch', async () => {
    const { signal, controller } = counted();
    controller.abort(why);
    await expect(fetch('http://127.0.0.1:1/', { signal })).rejects.toBe(why);
  });
});

describe('the signal of a call', () => {
  it.each([
    ['a deadline', {}, { deadlineMs: 50 }],
    ['an attempt with a time limit', { resilience: { retry: { maxAttempts: 1, attemptTimeoutMs: 50 } } }, {}],
  ])('aborts at %s also for a function that takes its arguments as a list', async (_, options, callOptions) => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    let seen: AbortSignal | undefined;
    const run = (...args: [unknown, AbortSignal]): Promise<never> => {
      seen = args[1];
      return new Promise(() => undefined);
    };
    expect(run.length).toBe(0);
    const call = mesh
      .service('users', options)
      .call(run, callOptions)
      .catch((error: { code: string }) => error.code);
    await clock.advanceAsync(50);
    expect(await call).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect(seen?.aborted).toBe(true);
    expect(seen?.reason.code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
  });

  it('says that it was aborted also where it is touched only afterwards', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    let seen: AbortSignal | undefined;
    const run = (...args: [unknown, AbortSignal]): Promise<never> => {
      seen = args[1];
      return new Promise(() => undefined);
    };
    const call = mesh
      .service('users')
      .call(run, { deadlineMs: 5 })
      .catch(() => 'over');
    await clock.advanceAsync(5);
    expect(await call).toBe('over');
    await expect(fetch('http://127.0.0.1:1/', { signal: seen! })).rejects.toThrow(/deadline of 5 ms/);
  });

  it('is one of its own also where nothing can end the call: what is left on it is not left on others', async () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const seen: AbortSignal[] = [];
    const run = (...args: [unknown, AbortSignal]): void => {
      args[1].addEventListener('abort', () => undefined);
      seen.push(args[1]);
    };
    for (let i = 0; i < 3; i++) await mesh.service('users').call(run);
    expect(seen.map((signal) => getEventListeners(signal, 'abort').length)).toEqual([1, 1, 1]);
  });

  it('is never the caller’s own', async () => {
    const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1'] }) });
    const { signal } = new AbortController();
    const given: AbortSignal[] = [];
    await mesh.service('users').call((_, own) => given.push(own), { signal });
    expect(given[0] === signal).toBe(false);
  });
});
