import { createMesh, Outcome, staticResolver } from 'fairlead';
import type { Contender, Suite } from '../runner/suite.js';
import { atOnce } from '../support/loop.js';

/** What is called: nothing but a promise, so that all else is the call's own. */
const work = async (): Promise<number> => 1;
const ENDPOINTS = Array.from({ length: 10 }, (_, i) => `127.0.0.1:${8_000 + i}`);

const calling = (concurrency: number, make: () => () => Promise<unknown>) => async (): Promise<Contender> => {
  const call = make();
  // A service has its endpoints with the first call.
  await call();
  return {
    run: async (operations) => {
      await atOnce(operations, concurrency, call);
      return undefined;
    },
  };
};

const service = (options: object = {}) =>
  createMesh({ resolver: staticResolver({ users: ENDPOINTS }), services: { users: options } }).service('users');

const contenders = (concurrency: number) => ({
  'a bare async function': calling(concurrency, () => work),
  'acquire and done': calling(concurrency, () => {
    const users = service();
    return async () => {
      const lease = users.acquire();
      const result = await work();
      lease.done(Outcome.Success);
      return result;
    };
  }),
  'service.call': calling(concurrency, () => {
    const users = service();
    return () => users.call(work);
  }),
  'service.call, a deadline': calling(concurrency, () => {
    const users = service({ resilience: { deadlineMs: 1_000 } });
    return () => users.call(work);
  }),
});

export const suite: Suite = {
  about: 'service.call and a lease by hand, beside a bare async function',
  rounds: 15,
  cases: [1, 50].map((concurrency) => ({
    title: `calls, ${concurrency} at once`,
    operations: 20_000,
    baseline: 'a bare async function',
    contenders: contenders(concurrency),
  })),
};
