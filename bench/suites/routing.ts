import { createMesh, Outcome, type Service, type ServiceOptions, staticResolver } from 'fairlead';
import { routeCalls, type SplitOptions } from 'fairlead/routing';
import type { Case, Contender, Suite } from '../runner/suite.js';

/** A pick and its done, of 100 endpoints of which ten are another version's. */
const COUNT = 100;
const KEYS = 8_192;

const ENDPOINTS = Array.from({ length: COUNT }, (_, i) => ({
  id: `e${i}`,
  host: '127.0.0.1',
  port: 1 + i,
  meta: { version: i < COUNT / 10 ? '2' : '1' },
}));
const SPLIT: SplitOptions = { name: 'users', arms: { v2: { share: 5, version: '2' } } };
const BETA: SplitOptions = {
  ...SPLIT,
  rules: [{ labels: { beta: 'yes' }, arm: 'v2' }],
};

type Begin = (service: Service) => void;
const plain: Begin = () => {};
const splitting =
  (split: SplitOptions): Begin =>
  (service) =>
    void routeCalls(service, { split });

const picking =
  (begin: Begin, keyed: boolean, options: ServiceOptions = {}) =>
  (): Contender => {
    const mesh = createMesh({ resolver: staticResolver({ users: ENDPOINTS }) });
    const service = mesh.service('users', { policy: 'peak_ewma', ...options });
    begin(service);
    const labels = (name: string): string | undefined => (name === 'beta' ? 'no' : undefined);
    const requests = Array.from({ length: KEYS }, (_, i) => ({ key: keyed ? `user-${i}` : undefined, labels }));
    return {
      run: (operations) => {
        for (let i = 0; i < operations; i++) service.acquire(requests[i % KEYS]).done(Outcome.Success);
        return undefined;
      },
      close: () => mesh.close(),
    };
  };

const NO_SPLIT = 'no split';
const caseOf = (title: string, keyed: boolean): Case<undefined> => ({
  title,
  operations: 300_000,
  baseline: NO_SPLIT,
  contenders: {
    [NO_SPLIT]: picking(plain, keyed),
    'a split of 5 %': picking(splitting(SPLIT), keyed),
    'a split of 5 % and a rule by label': picking(splitting(BETA), keyed),
  },
});

export const suite: Suite = {
  about: 'what a split adds to a pick and its done',
  rounds: 9,
  cases: [caseOf('calls with a key', true), caseOf('calls without a key', false)],
};
