import { describe, expect, it, onTestFinished } from 'vitest';
import type { EtcdCalls, EtcdEntry, EtcdWatchMessage } from '../../src/discovery/etcd/calls.js';
import { connectionSchema, readConnection } from '../../src/discovery/etcd/connection.js';
import { GrpcCalls } from '../../src/discovery/etcd/grpc-calls.js';
import { RangeWatch } from '../../src/discovery/etcd/range-watch.js';
import { readAll } from '../../src/discovery/etcd/read-all.js';
import { ServerPause } from '../../src/discovery/server-pause.js';
import { systemClock } from '../../src/runtime/clock.js';
import { readOptions } from '../../src/runtime/options.js';
import { systemRandom } from '../../src/runtime/random.js';
import { type Etcd, type EtcdVersion, startEtcd, until } from '../harness/index.js';
import { clientOf, naming } from './world.js';

const MIB = 1_048_576;
const keyAt = (at: number): string => `users/n${String(at).padStart(4, '0')}`;
const paddedTo = (at: number, bytes: number): string =>
  naming(`127.0.${at >> 8}.${at & 255}:5001`, { meta: { padding: 'x'.repeat(bytes) } });
const entries = (count: number, bytes: number): (readonly [string, string])[] =>
  Array.from({ length: count }, (_, at) => [keyAt(at), paddedTo(at, bytes)] as const);

function callsTo(etcd: Etcd): GrpcCalls {
  const read = readOptions('test', { address: etcd.address }, connectionSchema);
  const calls = new GrpcCalls(readConnection('test', read), systemClock);
  onTestFinished(() => calls.close());
  return calls;
}

describe.each<EtcdVersion>(['3.4', '3.5'])('etcd %s, asked for more than a message holds', (version) => {
  it('is listed by pages: 4 MiB of instances, all of them', async () => {
    await using etcd = await startEtcd({ version });
    await etcd.putAll(entries(2_500, 1_600));
    const { service, errors } = clientOf(etcd);
    await until('all are listed', () => service.endpoints.length === 2_500);
    expect(errors).toEqual([]);
  });

  it('is listed as of one revision, whatever changes between two pages', async () => {
    await using etcd = await startEtcd({ version });
    await etcd.putAll(entries(2_100, 10));
    const calls = callsTo(etcd);
    let pages = 0;
    const slow: Pick<EtcdCalls, 'page' | 'address'> = {
      address: calls.address,
      page: async (request) => {
        if (++pages === 2) {
          await etcd.delete(keyAt(2_050));
          await etcd.put('users/z', paddedTo(1, 1));
        }
        return calls.page(request);
      },
    };
    const list = await readAll(slow as EtcdCalls, { key: 'users/', prefix: true }, 100_000);
    expect(pages).toBe(2);
    expect(list.entries.map(({ key }) => key)).toEqual(entries(2_100, 1).map(([key]) => key));
  });

  if (version === '3.5')
    it('is listed by smaller pages where one would be larger than 64 MiB', async () => {
      await using etcd = await startEtcd({ version });
      for (let at = 0; at < 52; at++) await etcd.put(keyAt(at), paddedTo(at, 1.3 * MIB));
      const calls = callsTo(etcd);
      const asked: number[] = [];
      const watched: Pick<EtcdCalls, 'page' | 'address'> = {
        address: calls.address,
        page: (request) => {
          asked.push(request.limit);
          return calls.page(request);
        },
      };
      const list = await readAll(watched as EtcdCalls, { key: 'users/', prefix: true }, 100_000);
      expect(asked).toEqual([2_000, 20, 20, 20]);
      expect(list.entries).toHaveLength(52);
    });

  it('tells of 6 MiB of changes in pieces, which are taken in whole', async () => {
    await using etcd = await startEtcd({ version });
    await etcd.put(keyAt(0), paddedTo(0, 1));
    const calls = callsTo(etcd);
    let fragments = 0;
    // A list that took so long that all of this came before its watch.
    const late: EtcdCalls = Object.assign(Object.create(calls) as EtcdCalls, {
      page: async (request: Parameters<EtcdCalls['page']>[0]) => {
        const page = await calls.page(request);
        for (let round = 0; round < 60; round++) await etcd.putAll(entries(100, 1_000 + round));
        return page;
      },
      watch: (range: never, revision: bigint, hearer: Parameters<EtcdCalls['watch']>[2]) =>
        calls.watch(range, revision, {
          ended: (error) => hearer.ended(error),
          message: (message: EtcdWatchMessage) => {
            if (message.fragment) fragments++;
            hearer.message(message);
          },
        }),
    });
    const context = { clock: systemClock, random: systemRandom() };
    const options = { requestTimeoutMs: 5_000, progressMs: 5_000, maxBackoffMs: 100, maxKeys: 1_000 };
    const lists: (readonly EtcdEntry[])[] = [];
    const errors: Error[] = [];
    const pause = new ServerPause(context, 100, () => undefined);
    const watch = new RangeWatch(
      { key: 'users/', prefix: true },
      { ...context, calls: late, pause, options },
      {
        entries: (all) => lists.push([...all.values()]),
        confirmed: () => {},
        failed: (error) => errors.push(error),
      },
    );
    onTestFinished(() => watch.stop());
    const last = paddedTo(99, 1_059);
    await until('the last change', () => lists.at(-1)?.find(({ key }) => key === keyAt(99))?.value === last);
    expect(errors).toEqual([]);
    expect(fragments).toBeGreaterThan(0);
    // Each transaction changed all of them: in the middle of one they would have two sizes.
    const sizes = lists.slice(1).map((list) => new Set(list.map(({ value }) => /x+/.exec(value)![0].length)).size);
    expect(new Set(sizes)).toEqual(new Set([1]));
  });
});
