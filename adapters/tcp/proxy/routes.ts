import { optionReaders } from '../../../src/adapter.js';
import { serviceName } from '../common/options.js';
import type { ClientHello } from '../wire/client-hello.js';

/** Where TLS connections go by what their ClientHello says; `serverName`, `alpn` or both. */
export interface TcpRoute {
  /** A host name, or `*.example.com` for all names below it, at any depth. */
  readonly serverName?: string;
  /** A protocol that the client offers, such as `h2`; or one of several. */
  readonly alpn?: string | readonly string[];
  readonly service: string;
}

interface Route {
  readonly serverName: string | undefined;
  readonly alpn: readonly string[] | undefined;
  readonly service: string;
}

const { invalidOption, readOptions } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

const NAME = /^(\*\.)?[a-z\d_-]+(\.[a-z\d_-]+)*$/;

const serverName: Reader<string | undefined> = (value, name) => {
  if (value === undefined) return undefined;
  const lower = typeof value === 'string' ? value.toLowerCase() : '';
  if (NAME.test(lower)) return lower;
  throw invalidOption(name, value, "a host name, or '*.' and one");
};

const alpn: Reader<readonly string[] | undefined> = (value, name) => {
  if (value === undefined) return undefined;
  const list = Array.isArray(value) ? value : [value];
  if (list.length > 0 && list.every((each) => typeof each === 'string' && each !== '')) return list;
  throw invalidOption(name, value, "the name of a protocol, such as 'h2', or an array of them");
};

const route: Reader<Route> = (value, name) => {
  const read = readOptions<Route>(name, value ?? {}, { serverName, alpn, service: serviceName });
  if (read.serverName !== undefined || read.alpn !== undefined) return read;
  throw invalidOption(name, value, 'an object with serverName, alpn or both, and service');
};

/**
 * Finds the service of a ClientHello. The exact name goes first, then the longest wildcard, then
 * routes without a name; among those of one name first those that ask for a protocol, then by their
 * order. Looks at no more routes than those of the name and the names above it.
 */
export class TcpRoutes {
  readonly #byName = new Map<string, Route[]>();
  /** Each once. */
  readonly services: readonly string[];

  constructor(routes: readonly Route[]) {
    for (const each of routes) {
      const name = each.serverName ?? '';
      this.#byName.set(name, [...(this.#byName.get(name) ?? []), each]);
    }
    const asks = ({ alpn }: Route): number => (alpn === undefined ? 1 : 0);
    for (const list of this.#byName.values()) list.sort((a, b) => asks(a) - asks(b));
    this.services = [...new Set(routes.map((each) => each.service))];
  }

  get none(): boolean {
    return this.#byName.size === 0;
  }

  serviceOf({ serverName: name, alpn: offered }: ClientHello): string | undefined {
    const fitting = (key: string): string | undefined =>
      this.#byName.get(key)?.find((each) => each.alpn === undefined || each.alpn.some((one) => offered.includes(one)))
        ?.service;
    if (name !== undefined && name !== '') {
      const exact = fitting(name);
      if (exact !== undefined) return exact;
      for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
        const above = fitting(`*${name.slice(dot)}`);
        if (above !== undefined) return above;
      }
    }
    return fitting('');
  }
}

export const tcpRoutes: Reader<TcpRoutes> = (value, name) => {
  if (value === undefined) return new TcpRoutes([]);
  if (!Array.isArray(value)) throw invalidOption(name, value, 'an array of routes');
  return new TcpRoutes(value.map((each, i) => route(each, `${name}[${i}]`)));
};
