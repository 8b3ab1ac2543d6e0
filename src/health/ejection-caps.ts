import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Grounds } from './health.js';

/** Of the members, the share that may be out at once. */
export interface EjectionRatios {
  /** For what they answered. */
  readonly answers: number;
  /** Because they could not be reached, or did not answer. */
  readonly unreachable: number;
}

/** Whether the caps leave room for one more. `out`: those that are out, and on what grounds. */
export function mayGo(
  grounds: Grounds,
  out: ReadonlyMap<LiveEndpoint, { readonly grounds: Grounds }>,
  members: number,
  { answers, unreachable }: EjectionRatios,
): boolean {
  // So few are out that it does not matter which: in an outage thousands are asked about.
  if (out.size < allowed(members, Math.min(answers, unreachable))) return true;
  let count = 0;
  let forAnswers = 0;
  for (const [endpoint, term] of out) {
    // Those that discovery withdrew serve nothing that their ejection could keep from them.
    if (endpoint.withdrawn) continue;
    count++;
    if (term.grounds === 'answers') forAnswers++;
  }
  if (count >= allowed(members, Math.max(answers, unreachable))) return false;
  return grounds === 'unreachable' || forAnswers < allowed(members, answers);
}

/** One may always go. */
function allowed(members: number, ratio: number): number {
  return Math.max(1, Math.floor(members * ratio));
}
