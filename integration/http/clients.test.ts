import axios from 'axios';
import { createAgent, createDispatcher } from 'fairlead/http';
import got from 'got';
import ky from 'ky';
import { describe, expect, it } from 'vitest';
import { until } from '../harness/until.js';
import { inflight, meshOf, refusingPort, saysWho } from './support.js';

interface Answer {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

type Post = (path: string, body: string) => Promise<Answer>;

/** Each client as its own documentation has it, over one of the two ways. */
const CLIENTS: Readonly<Record<string, (mesh: ReturnType<typeof meshOf>) => Post>> = {
  "axios, fetch's adapter": (mesh) => {
    const client = axios.create({ adapter: 'fetch', fetchOptions: { dispatcher: createDispatcher(mesh) } as object });
    return async (path, body) => (await client.post<Answer>(`http://users${path}`, body)).data;
  },
  'axios, its default adapter': (mesh) => {
    const client = axios.create({ httpAgent: createAgent(mesh, { service: 'users' }), proxy: false });
    return async (path, body) => (await client.post<Answer>(`http://users${path}`, body)).data;
  },
  got: (mesh) => {
    const client = got.extend({ agent: { http: createAgent(mesh, { service: 'users' }) }, retry: { limit: 0 } });
    return async (path, body) => await client.post(`http://users${path}`, { body }).json<Answer>();
  },
  ky: (mesh) => {
    const client = ky.extend({ dispatcher: createDispatcher(mesh), retry: 0 } as object);
    return async (path, body) => await client.post(`http://users${path}`, { body }).json<Answer>();
  },
};

describe.each(Object.entries(CLIENTS))('%s', (_, make) => {
  it('balances over the service that the host names, and leaves endpoints that refuse', async () => {
    await using a = await saysWho('a');
    await using b = await saysWho('b');
    await using mesh = meshOf([a.port, await refusingPort(), b.port], { policy: 'round_robin', health: [] });
    const post = make(mesh);
    const seen = new Set<string>();
    for (let i = 0; i < 9; i++) {
      const answer = await post(`/v1/${i}`, `body ${i}`);
      expect(answer).toMatchObject({ method: 'POST', url: `/v1/${i}`, body: `body ${i}` });
      seen.add(answer.id);
    }
    expect(seen).toEqual(new Set(['a', 'b']));
    expect(a.requests.length + b.requests.length).toBe(9);
    await until('all leases end', () => inflight(mesh) === 0);
  });
});
