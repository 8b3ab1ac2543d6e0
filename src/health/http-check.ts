import { integer, invalidOption, oneOf, optional, type Reader, readOptions } from '../runtime/options.js';
import {
  type ActiveCheck,
  type CheckTarget,
  type CheckTiming,
  checkTiming,
  identityOf,
  timingOf,
} from './active-check.js';
import { type CheckTls, type CheckTlsSettings, checkTls, connectOptions, type TlsConnect } from './check-tls.js';

/** One status, or a range with both ends included. */
export type ExpectedStatus = number | readonly [from: number, to: number];

export interface HttpCheckOptions extends Partial<CheckTiming>, CheckTls {
  /** Default '/'. */
  readonly path?: string;
  /** Default GET. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'OPTIONS';
  /** Default none; Host is the endpoint's address unless given. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that pass. Default `[[200, 299]]`. */
  readonly expect?: readonly ExpectedStatus[];
  /** Where another port than the endpoint's answers checks; 1 to 65,535. Default the endpoint's. */
  readonly port?: number;
}

interface HttpCheckSettings extends CheckTiming, CheckTlsSettings {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expect: readonly ExpectedStatus[];
  readonly port: number | undefined;
}

/**
 * Asks by HTTP/1.1, on a new connection each time, as that is part of being well; the body of the
 * answer is not read.
 */
export function httpCheck(options?: HttpCheckOptions): ActiveCheck {
  const read = readOptions<HttpCheckSettings>('httpCheck', options, {
    ...checkTiming,
    path,
    method: oneOf('GET', 'GET', 'HEAD', 'POST', 'OPTIONS'),
    headers,
    expect: statuses,
    port: optional(integer(0, 1, 65_535)),
    ...checkTls,
  });
  const tls = connectOptions('httpCheck', read);
  return {
    name: 'http',
    identity: identityOf('http', read),
    timing: timingOf(read),
    ask: (target, signal) => ask(read, tls, target, signal),
  };
}

async function ask(
  check: HttpCheckSettings,
  tls: TlsConnect | undefined,
  target: CheckTarget,
  signal: AbortSignal,
): Promise<void> {
  // Loaded on the first check: programs without any need not pay for the module.
  const { request: send } = await (tls === undefined ? import('node:http') : import('node:https'));
  const { path, method, headers, expect } = check;
  const { host } = target;
  const port = check.port ?? target.port;
  const options = { host, port, path, method, headers, signal, agent: false, ...tls } as const;
  return new Promise((resolve, reject) => {
    const request = send(options);
    request.on('error', reject);
    request.on('response', (response) => {
      const { statusCode = 0 } = response;
      // Closes the connection; the body may be endless.
      response.destroy();
      if (isExpected(statusCode, expect)) resolve();
      else reject(new Error(`${method} ${path} answered with status ${statusCode}`));
    });
    request.end();
  });
}

function isExpected(status: number, expected: readonly ExpectedStatus[]): boolean {
  return expected.some((each) => (typeof each === 'number' ? status === each : status >= each[0] && status <= each[1]));
}

const path: Reader<string> = (value, name) => {
  if (value === undefined) return '/';
  // What Node itself refuses to send, refused when the service is made.
  if (typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value)) return value;
  throw invalidOption(name, value, 'a path that begins with / and is encoded');
};

const headers: Reader<Readonly<Record<string, string>>> = (value, name) => {
  if (value === undefined) return {};
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const isHeader = ([key, each]: [string, unknown]): boolean =>
    /^[!#$%&'*+.^_`|~0-9a-zA-Z-]+$/.test(key) && typeof each === 'string' && /^[\t\x20-\x7e\x80-\xff]*$/.test(each);
  if (isObject && Object.entries(value).every(isHeader)) return value as Record<string, string>;
  throw invalidOption(name, value, 'an object of header values by name');
};

const statuses: Reader<readonly ExpectedStatus[]> = (value, name) => {
  if (value === undefined) return [[200, 299]];
  const isStatus = (each: unknown): boolean =>
    Number.isInteger(each) && (each as number) >= 100 && (each as number) <= 599;
  const isExpectation = (each: unknown): boolean =>
    isStatus(each) || (Array.isArray(each) && each.length === 2 && each.every(isStatus) && each[0] <= each[1]);
  if (Array.isArray(value) && value.length > 0 && value.every(isExpectation)) return value;
  throw invalidOption(name, value, 'an array of statuses and ranges, such as [200, [300, 399]]');
};
