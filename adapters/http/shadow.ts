import type { Dispatcher } from 'undici';
import type { CallRoute } from '../../src/adapter.js';
import { type Endpoint, Outcome, type RoutingKey } from '../../src/index.js';
import type { ExchangeContext } from './exchange-context.js';
import { withHeader } from './headers.js';
import { outcomeOfStatus, verdictOfError } from './verdict.js';

/** Methods that ask for nothing to be changed: RFC 9110, 9.2.1. A copy must not write. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const MARK = ['fairlead-shadow', '1'] as const;
const UNKNOWN = Promise.resolve(undefined);

/** Sends a copy of a safe request without a body where the service's routing says so. */
export function shadowRequest(
  { pools }: ExchangeContext,
  origin: string,
  options: Dispatcher.DispatchOptions,
  mirror: NonNullable<CallRoute['mirror']>,
  key: RoutingKey | undefined,
): void {
  const { method, path, headers, body } = options;
  if (!SAFE.has(method) || (body !== undefined && body !== null) || options.upgrade) return;
  const run = async (endpoint: Endpoint, signal: AbortSignal): Promise<Outcome> => {
    try {
      const pool = pools.of(endpoint, origin);
      const answer = await pool.request({ method, path, headers: withHeader(headers, MARK), signal } as never);
      await answer.body.dump();
      return outcomeOfStatus(answer.statusCode);
    } catch (thrown) {
      return signal.aborted ? Outcome.Timeout : verdictOfError(thrown, true).outcome;
    }
  };
  mirror.mirror({ key, run, outcome: UNKNOWN });
}
