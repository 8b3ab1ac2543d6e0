import { cookieKey, type RouteKey } from '../../../src/index.js';
import type { RequestHead } from '../head/request-head.js';

/** What a key may be read from. */
export interface Keyed {
  readonly head: RequestHead;
  readonly client: string | undefined;
  header(name: string): string | undefined;
}

type KeyOf = (keyed: Keyed) => string | undefined;

/** The first key that a request has. */
export function keyReader(keys: readonly RouteKey[]): KeyOf {
  const readers = keys.map(oneReader);
  return (keyed) => {
    for (const read of readers) {
      const key = read(keyed);
      if (key !== undefined && key !== '') return key;
    }
    return undefined;
  };
}

function oneReader(key: RouteKey): KeyOf {
  if ('header' in key) {
    const name = key.header.toLowerCase();
    return ({ header }) => header(name);
  }
  if ('cookie' in key) {
    const cookie = cookieKey(key.cookie);
    return ({ header }) => cookie({ cookie: header('cookie') });
  }
  if ('query' in key) return ({ head }) => new URLSearchParams(head.target.query).get(key.query) ?? undefined;
  if ('segment' in key) return ({ head }) => head.target.segments[key.segment];
  return ({ client }) => client;
}
