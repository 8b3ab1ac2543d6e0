import { invalidOption, type Reader, readOptions, text } from '../runtime/options.js';
import { type ActiveCheck, type CheckTarget, type CheckTiming, checkTiming, timingOf } from './active-check.js';

/**
 * Resolves when the endpoint is well, rejects with the reason when not. Must give up when the
 * signal aborts.
 */
export type CheckProbe = (target: CheckTarget, signal: AbortSignal) => Promise<void>;

export interface CustomCheckOptions extends Partial<CheckTiming> {
  /** The name in events and errors. Default 'custom'. */
  readonly name?: string;
  readonly ask: CheckProbe;
}

/**
 * A check of your own, or of an adapter: `customCheck({ ask: async ({ host, port }, signal) => …
 * })`.
 */
export function customCheck(options: CustomCheckOptions): ActiveCheck {
  const read = readOptions<CheckTiming & { name: string; ask: CheckProbe }>('customCheck', options, {
    ...checkTiming,
    name: text('custom'),
    ask: probe,
  });
  return { name: read.name, identity: undefined, timing: timingOf(read), ask: read.ask };
}

const probe: Reader<never> = (value, name) => {
  if (typeof value === 'function') return value as never;
  throw invalidOption(name, value, 'a function that asks an endpoint');
};
