import type { Endpoint } from '../endpoint/endpoint.js';
import { type Outcome, type OutcomeName, outcomeName } from '../runtime/outcome.js';
import { type FullVerdict, mayHaveTakenEffect, type Repeat } from './verdict.js';

/**
 * One try of a call, as errors report it. Carries no message of the server's: messages can hold
 * secrets.
 */
export interface Attempt {
  /** The endpoint's id. */
  readonly endpoint: string;
  readonly outcome: OutcomeName;
  /** The `code` of what it threw (`ECONNRESET`, 14), where there was one. */
  readonly code: string | number | undefined;
  /** It was sent and its end is not known: it may have been executed, once. */
  readonly mayHaveTakenEffect: boolean;
  /** It was started beside a slow one, not after a failed one. */
  readonly hedge: boolean;
}

const known = new WeakMap<object, readonly Attempt[]>();

/**
 * The failed attempts of the call that threw this, in the order in which they ended. Works for
 * whatever a call rejects with, also the driver's own errors, which are passed on as they are.
 * Empty for anything else.
 */
export function attemptsOf(error: unknown): readonly Attempt[] {
  return (typeof error === 'object' && error !== null ? known.get(error) : undefined) ?? [];
}

/** Makes `attemptsOf` know them. */
export function rememberAttempts(error: unknown, attempts: readonly Attempt[]): void {
  if (typeof error === 'object' && error !== null) known.set(error, attempts);
}

/** The attempts of one call that did not succeed. */
export class AttemptLog {
  readonly attempts: Attempt[] = [];
  /** Endpoints that were tried: to be avoided by the next attempt. Each once. */
  readonly tried: Endpoint[] = [];
  /** What was said about the latest. */
  verdict: FullVerdict | undefined;

  add(endpoint: Endpoint, outcome: Outcome, repeat: Repeat, thrown: unknown, hedge: boolean): void {
    this.attempts.push({
      endpoint: endpoint.spec.id,
      outcome: outcomeName(outcome),
      code: codeOf(thrown),
      mayHaveTakenEffect: mayHaveTakenEffect(outcome, repeat),
      hedge,
    });
    this.avoid(endpoint);
  }

  avoid(endpoint: Endpoint): void {
    if (!this.tried.includes(endpoint)) this.tried.push(endpoint);
  }

  /**
   * An attempt other than the latest may have taken effect: the latest error alone would mislead.
   */
  get earlierIsUncertain(): boolean {
    return this.attempts.slice(0, -1).some((attempt) => attempt.mayHaveTakenEffect);
  }
}

/** Never throws, whatever was thrown: a getter of its may. */
function codeOf(thrown: unknown): string | number | undefined {
  try {
    return readCode(thrown);
  } catch {
    return undefined;
  }
}

function readCode(thrown: unknown): string | number | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const { code, cause } = thrown as { code?: unknown; cause?: unknown };
  if (typeof code === 'string' || typeof code === 'number') return code;
  // `fetch` wraps the network's error.
  return thrown instanceof TypeError && cause !== thrown ? readCode(cause) : undefined;
}
