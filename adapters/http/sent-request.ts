import type { Dispatcher } from 'undici';
import type { CallRoute } from '../../src/adapter.js';
import { isControl } from './call.js';
import { withHeader, withoutHeaders } from './headers.js';
import type { ReplayBody } from './replay-body.js';

/** The header that says which attempt a request is; not sent with the first. */
const ATTEMPT = 'x-fairlead-attempt';

/**
 * What an attempt sends: the `count`th of ours, from 1. `first` is which one the first of ours is,
 * where there were others before; undefined where none says its number.
 */
export function forAttempt(
  options: Dispatcher.DispatchOptions,
  body: ReplayBody | undefined,
  first: number | undefined,
  count: number,
): Dispatcher.DispatchOptions {
  const numbered = numberedBy(options, first === undefined ? 1 : Math.max(first, count));
  // undici closes the connection after each HEAD unless told otherwise.
  const head = numbered.method === 'HEAD' && numbered.reset === undefined;
  if (body === undefined) return head ? { ...numbered, reset: false } : numbered;
  return { ...numbered, ...(head && { reset: false }), body: body.attempt() as never };
}

function numberedBy(options: Dispatcher.DispatchOptions, number: number): Dispatcher.DispatchOptions {
  if (number === 1) return options;
  return { ...options, headers: withHeader(options.headers, [ATTEMPT, String(number)]) as never };
}

/** What the caller gave without what is not sent, and with what is carried on. */
export function toSend(
  options: Dispatcher.DispatchOptions,
  controlled: boolean,
  carried: CallRoute['carried'] | undefined,
): Dispatcher.DispatchOptions {
  if (!controlled && carried === undefined) return options;
  const [name] = carried ?? [];
  const kept = withoutHeaders(options.headers, (each) => each === name || (controlled && isControl(each)));
  return { ...options, headers: (carried === undefined ? kept : withHeader(kept, carried)) ?? null };
}
