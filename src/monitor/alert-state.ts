import type { Alert } from './alert.js';
import type { Finding } from './rules/finding.js';

/** When alerts are raised, cleared and told of again. */
export interface Patience {
  /** It is raised after this many looks in a row that find it so. */
  readonly raiseAfter: number;
  /** It is over after this many that find it not so. */
  readonly clearAfter: number;
  /** It is told of again after this long, then after twice as long, and so on; milliseconds. */
  readonly againMs: number;
}

/** Between two reminders it is never longer than this. */
const LONGEST_MS = 14_400_000;

/** One rule and subject over time. */
export class AlertState {
  /** Another one where a configuration changed it. */
  patience: Patience;
  #finding: Finding;
  #streak = 0;
  #raisedAtMs: number | undefined;
  #sinceMs = 0;
  #againAtMs = 0;
  #againMs = 0;
  /** Raised, and something was sent of it. */
  #told = false;

  constructor(finding: Finding, patience: Patience) {
    this.#finding = finding;
    this.patience = patience;
  }

  /** What is to be said of it after this look; undefined for nothing. */
  look(finding: Finding, nowMs: number, wallMs: number, silenced: boolean): 'raised' | 'still' | 'cleared' | undefined {
    const firing = this.firing;
    // No evidence is neither for nor against: it neither raises nor clears.
    if (finding.bad !== undefined) {
      if (finding.bad || !firing) this.#finding = finding;
      this.#streak = finding.bad === firing ? 0 : this.#streak + 1;
    }
    const { raiseAfter, clearAfter, againMs } = this.patience;
    if (!firing && this.#streak >= raiseAfter) {
      this.#raisedAtMs = nowMs;
      this.#sinceMs = wallMs;
      this.#streak = 0;
      this.#againMs = againMs;
      this.#againAtMs = nowMs + againMs;
    } else if (firing && this.#streak >= clearAfter) {
      const told = this.#told;
      this.#raisedAtMs = undefined;
      this.#streak = 0;
      this.#told = false;
      return told && !silenced ? 'cleared' : undefined;
    }
    if (!this.firing || silenced) return undefined;
    if (!this.#told) {
      this.#told = true;
      return 'raised';
    }
    if (nowMs < this.#againAtMs) return undefined;
    this.#againMs = Math.min(this.#againMs * 2, LONGEST_MS);
    this.#againAtMs = nowMs + this.#againMs;
    return 'still';
  }

  /** Whether anything was sent of it that is not over. */
  get told(): boolean {
    return this.#told;
  }

  get firing(): boolean {
    return this.#raisedAtMs !== undefined;
  }

  alert(silenced: boolean): Alert {
    const { rule, severity, subject, text, value } = this.#finding;
    return { rule, severity, subject, text, value, sinceMs: this.#sinceMs, silenced };
  }
}
