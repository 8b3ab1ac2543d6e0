import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { createMesh } from 'fairlead';
import { type ConfigDocument, createConfigStore } from 'fairlead/config';
import { registerGrpc } from 'fairlead/grpc';
import { seededRandom } from 'fairlead/testing';
import { afterEach, expect, it } from 'vitest';
import { EchoClient, startServers, type TestServer } from '../grpc/support.js';
import { oneOf } from './servable.js';

const EDITS = 100;
const CALLERS = 3;

/** What a call must end with: the id of one of these servers, or an error that says so. */
type Prediction = { readonly servers: readonly string[] } | { readonly refused: RegExp };

interface Edit {
  readonly document: ConfigDocument;
  /** Undefined where the document is to be accepted. */
  readonly invalid?: RegExp;
  readonly prediction: Prediction;
}

let servers: TestServer[] = [];
afterEach(() => Promise.all(servers.map((server) => server.stop())));

const lane = new Metadata();
lane.set('x-fairlead-lane', 'feature');

it('random edits that leave calls without a server refuse exactly those, with the reason; bad ones change nothing', {
  timeout: 120_000,
}, async () => {
  servers = await startServers(3);
  const random = seededRandom(23);
  const endpoints = servers.map((server, i) => ({ ...server.endpoint, meta: { version: i === 2 ? '2' : '1' } }));
  const all = endpoints.map(({ id }) => id);
  const resolver = { static: { echo: endpoints } };
  const services = { echo: { policy: oneOf(random, 'round_robin', 'random') } } as const;
  const split = (arm: object, more: object = {}) => ({
    echo: { split: { name: 'echo', arms: { next: { share: 100, ...arm } }, ...more } },
  });
  const served = { resolver, services };
  const well: Edit = { document: served, prediction: { servers: all } };

  const edits: ((last: Edit) => Edit)[] = [
    () => well,
    // A part of the servers.
    () => ({ document: { ...served, routing: split({ version: '2' }) }, prediction: { servers: ['c'] } }),
    // An arm that selects nothing spills over to the baseline.
    () => ({ document: { ...served, routing: split({ version: '3' }) }, prediction: { servers: all } }),
    // An arm and a baseline without an endpoint: to whatever is well.
    () => ({
      document: { ...served, routing: split({ version: '3' }, { baseline: { version: '4' } }) },
      prediction: { servers: all },
    }),
    // No endpoint is of the call's lane, and it may not fall back.
    () => ({
      document: { ...served, routing: { echo: { lanes: { fallback: false } } } },
      prediction: { refused: /may be used by this subset/ },
    }),
    () => ({ document: { ...served, routing: { echo: { lanes: true } } }, prediction: { servers: all } }),
    // The service is gone.
    () => ({
      document: { resolver, services: {} },
      prediction: { refused: /version \d+ of the configuration removed it/ },
    }),
    // One server less, which was called until now.
    () => ({
      document: { resolver: { static: { echo: endpoints.slice(0, 2) } }, services },
      prediction: { servers: ['a', 'b'] },
    }),
    // Documents that are wrong: what was in force stays so.
    (last) => ({
      document: { ...served, services: { echo: { resilience: { limits: { maxInflight: 0 } } } } },
      invalid: /maxInflight is 0: allowed is a whole number from 1/,
      prediction: last.prediction,
    }),
    (last) => ({
      document: { ...served, routing: split({ version: '2', share: 101 }) },
      invalid: /share/,
      prediction: last.prediction,
    }),
    (last) => ({
      document: { ...served, services: { echo: { policy: 'peak_ewm' } } } as never,
      invalid: /peak_ewma/,
      prediction: last.prediction,
    }),
  ];

  const mesh = createMesh({ random: seededRandom(3) });
  const config = createConfigStore(mesh, { compare: false });
  const registration = registerGrpc(mesh);
  const client = new EchoClient('fairlead:///echo');
  // What a call saw that began under one prediction and ended under another may be any of them.
  const history: Prediction[] = [well.prediction];
  const meets = (ended: string | ServiceError, prediction: Prediction): boolean =>
    typeof ended === 'string'
      ? 'servers' in prediction && prediction.servers.includes(ended)
      : 'refused' in prediction && ended.code === status.UNAVAILABLE && prediction.refused.test(ended.details);
  const call = (): Promise<string | ServiceError> =>
    client.unary({}, lane).then(
      ({ id }) => id,
      (error: ServiceError) => error,
    );
  const wrong: unknown[] = [];
  let done = false;
  let ended = 0;
  const caller = async (): Promise<void> => {
    while (!done) {
      const since = history.length - 1;
      const end = await call();
      const possible = history.slice(since);
      if (!possible.some((prediction) => meets(end, prediction))) wrong.push([String(end), possible]);
      ended++;
    }
  };
  try {
    await config.apply(well.document);
    await call();
    const callers = Array.from({ length: CALLERS }, caller);
    let last = well;
    let refusals = 0;
    for (let i = 0; i < EDITS; i++) {
      const edit = oneOf(random, ...edits)(last);
      const version = config.current?.number;
      // From the moment it may be in force.
      history.push(edit.prediction);
      if (edit.invalid === undefined) await config.apply(edit.document);
      else {
        await expect(config.apply(edit.document)).rejects.toThrow(edit.invalid);
        expect(config.current?.number).toBe(version);
      }
      history.push(edit.prediction);
      const enough = ended + CALLERS;
      const endings: (string | ServiceError)[] = [];
      while (ended < enough) endings.push(await call());
      for (const each of endings) if (!meets(each, edit.prediction)) wrong.push([i, String(each), edit.prediction]);
      expect(wrong).toEqual([]);
      refusals += endings.filter((each) => typeof each !== 'string').length;
      last = edit;
    }
    done = true;
    await Promise.all(callers);
    expect(wrong).toEqual([]);
    expect(refusals).toBeGreaterThan(EDITS / 10);
    // All is well again at once.
    await config.apply(well.document);
    expect(await Promise.all(Array.from({ length: 20 }, call))).toEqual(expect.arrayContaining(['a', 'b', 'c']));
    expect(mesh.service('echo').endpoints.map(({ inflight, state }) => [inflight, state])).toEqual(
      all.map(() => [0, 'ready']),
    );
  } finally {
    done = true;
    client.close();
    registration.close();
    await mesh.close({ deadlineMs: 500 });
  }
});
