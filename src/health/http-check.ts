import { headersToSend } from '../runtime/http-fields.js';
import { described, fields, integer, invalidOption, oneOf, optional, type Reader } from '../runtime/options.js';
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

// What Node itself refuses to send is refused when the service is made.
const PATH = /^\/[\x21-\x7e]*$/;

const path: Reader<string> = described({ shape: { type: 'text', pattern: PATH }, fallback: '/' }, (value, name) => {
  if (value === undefined) return '/';
  if (typeof value === 'string' && PATH.test(value)) return value;
  throw invalidOption(name, value, 'a path that begins with / and is encoded');
});

const status: Reader<number> = integer(200, 100, 599);
const statusRange: Reader<readonly [number, number]> = described(
  { shape: { type: 'list', items: status, min: 2, max: 2 } },
  (value, name) => {
    const [from, to] = Array.isArray(value) && value.length === 2 ? value : [];
    if (from !== undefined && to !== undefined && status(from, name) <= status(to, name)) return [from, to];
    throw invalidOption(name, value, 'a range of statuses, the lower one first');
  },
);
const expectation: Reader<ExpectedStatus> = described(
  { shape: { type: 'choice', of: [status, statusRange] } },
  (value, name) => (Array.isArray(value) ? statusRange(value, name) : status(value, name)),
);

const statuses: Reader<readonly ExpectedStatus[]> = described(
  { shape: { type: 'list', items: expectation, min: 1 }, fallback: [[200, 299]] },
  (value, name) => {
    if (value === undefined) return [[200, 299]];
    try {
      if (Array.isArray(value) && value.length > 0) return value.map((each) => expectation(each ?? null, name));
    } catch {
      // Said below, of the whole.
    }
    throw invalidOption(name, value, 'an array of statuses and ranges, such as [200, [300, 399]]');
  },
);

export const readHttpCheck: Reader<HttpCheckSettings> = fields<HttpCheckSettings>({
  ...checkTiming,
  path,
  method: oneOf('GET', 'GET', 'HEAD', 'POST', 'OPTIONS'),
  headers: headersToSend,
  expect: statuses,
  port: optional(integer(0, 1, 65_535)),
  ...checkTls,
});

/**
 * Asks by HTTP/1.1, on a new connection each time, as that is part of being well; the body of the
 * answer is not read.
 */
export function httpCheck(options?: HttpCheckOptions): ActiveCheck {
  const read = readHttpCheck(options, 'httpCheck');
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
