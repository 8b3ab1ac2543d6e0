import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PeerProxy, startHaproxy, startNginx } from '../../harness/index.js';
import { gatewayOver, type Running } from '../support.js';
import { HEADERS } from './header-cases.js';
import { Stage } from './read-case.js';
import { REQUESTS } from './request-cases.js';
import { RESPONSES } from './response-cases.js';

/** One of each: a proxy, and the server behind it, which it has two ways to. */
let stages: readonly [Stage, Stage, Stage];
let ours: Running;
let nginx: PeerProxy;
let haproxy: PeerProxy;

beforeAll(async () => {
  stages = [await Stage.open(), await Stage.open(), await Stage.open()];
  const [first, second, third] = stages.map(({ origin: { port } }) => [port, port]);
  ours = await gatewayOver(first!);
  [nginx, haproxy] = await Promise.all([startNginx(second!), startHaproxy(third!)]);
});
afterAll(async () => {
  for (const each of [ours, nginx, haproxy, ...(stages ?? [])]) await each?.[Symbol.asyncDispose]();
});

describe.each([
  ['what a request is', REQUESTS],
  ['which headers go on', HEADERS],
  ['what becomes of responses', RESPONSES],
])('%s: the gateway beside nginx and HAProxy', (_, cases) => {
  it.each(cases)('RFC $rfc: $what', async (each) => {
    const [own, one, other] = await Promise.all([
      stages[0].read(each, ours.port),
      stages[1].read(each, nginx.port),
      stages[2].read(each, haproxy.port),
    ]);
    const of = ([reading]: readonly [string, string] | readonly [string]): string => reading;
    expect({ ours: own, nginx: one, haproxy: other }).toEqual({
      ours: each.ours,
      nginx: of(each.nginx ?? [each.ours]),
      haproxy: of(each.haproxy ?? [each.ours]),
    });
  });
});

it('has a case for each of at least 53 questions, and a reason for each difference', () => {
  const all = [...REQUESTS, ...HEADERS, ...RESPONSES];
  expect(all.length).toBeGreaterThanOrEqual(53);
  for (const { ours: own, nginx: one, haproxy: other } of all) {
    for (const [reading, why] of [one, other].filter((each) => each !== undefined)) {
      expect(reading).not.toBe(own);
      expect(why.length).toBeGreaterThanOrEqual(8);
    }
  }
});
