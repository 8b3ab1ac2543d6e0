import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Part, RouteRequest } from '../../picking/router.js';
import type { Outcome } from '../../runtime/outcome.js';
import type { Random } from '../../runtime/random.js';
import { ArmCounts } from './arm-counts.js';
import type { Selects } from './selector.js';

/** An arm of a split, as calls are held to it. */
export class ArmPart implements Part {
  readonly name: string;
  readonly counts: ArmCounts = new ArmCounts();
  /** Another one where other parts took some of its endpoints, or gave some back. */
  selects: Selects;
  /** Where its calls go while no endpoint of it can be used. */
  readonly #elsewhere: Part;
  readonly arm: NonNullable<Part['arm']>;
  /** Calls that went there. */
  spilled = 0;

  constructor(arm: NonNullable<Part['arm']>, selects: Selects, elsewhere: Part) {
    this.arm = arm;
    this.name = `${arm.split}/${arm.name}`;
    this.selects = selects;
    this.#elsewhere = elsewhere;
  }

  readonly has: Selects = (endpoint) => this.selects(endpoint);

  spill(_request: RouteRequest | undefined, dry?: Random): Part {
    if (dry === undefined) this.spilled++;
    return this.#elsewhere;
  }

  ended(_endpoint: Endpoint, outcome: Outcome, latencyMs: number): void {
    this.counts.ended(outcome, latencyMs);
  }
}

/** Where calls go that no arm could take: nothing is counted, so that no arm is judged by them. */
export class SpillPart implements Part {
  readonly name: string;
  /** As that of an arm. */
  selects: Selects;
  readonly #elsewhere: Part | undefined;

  constructor(name: string, selects: Selects, elsewhere: Part | undefined) {
    this.name = name;
    this.selects = selects;
    this.#elsewhere = elsewhere;
  }

  readonly has: Selects = (endpoint) => this.selects(endpoint);

  spill(): Part | undefined {
    return this.#elsewhere;
  }

  ended(): void {}
}
