import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Part, RouteRequest } from '../../picking/router.js';
import type { RoutingKey } from '../../runtime/context.js';
import { hash32, hashBytes32 } from '../../runtime/hash.js';
import type { Random } from '../../runtime/random.js';
import { labelOf } from '../labels.js';
import { ArmPart, SpillPart } from './arm-part.js';
import { BUCKETS, bucketOf, bucketsOf } from './buckets.js';
import { BASELINE, type SplitSettings } from './options.js';

/**
 * Shares calls out among the arms of a split. A key keeps its arm while the shares stay, and a
 * share that grows only adds keys. O(rules) a call, and nothing is allocated.
 */
export class Split {
  readonly settings: SplitSettings;
  readonly #random: Random;
  readonly #seed: number;
  /** In the order of the settings; the baseline last. */
  readonly #arms: readonly ArmPart[];
  readonly #spills: readonly Part[];
  readonly #byName: ReadonlyMap<string, ArmPart>;
  readonly #buckets: Uint8Array;

  /**
   * `within`: which endpoints may be any arm's at all. `previous`: what was split before; arms that
   * mean the same stay the same, and so do their counts.
   */
  constructor(
    settings: SplitSettings,
    within: (endpoint: Endpoint) => boolean,
    random: Random,
    previous: Split | undefined,
  ) {
    this.settings = settings;
    this.#random = random;
    this.#seed = hash32(settings.name);
    this.#buckets = bucketsOf(settings.arms);
    const kept = previous !== undefined && sameArms(previous.settings, settings) ? previous : undefined;
    if (kept !== undefined) {
      this.#arms = kept.#arms;
      this.#spills = kept.#spills;
      this.#byName = kept.#byName;
      return;
    }
    const armOf = (name: string) => ({ split: settings.name, name });
    const named = (name: string): string => `${settings.name}/${name}`;
    const selected = (endpoint: Endpoint): boolean => settings.arms.some(({ has }) => has(endpoint));
    const isBaseline = settings.baseline ?? ((endpoint) => !selected(endpoint));
    const baseline = (endpoint: Endpoint): boolean => within(endpoint) && isBaseline(endpoint);
    const anywhere = new SpillPart(named('(anywhere)'), within, undefined);
    // Another part than the baseline's own, so that its calls are in no comparison.
    const spill = new SpillPart(named('(spill)'), baseline, anywhere);
    this.#spills = [anywhere, spill];
    this.#arms = [
      ...settings.arms.map(
        ({ name, has }) => new ArmPart(armOf(name), (endpoint) => within(endpoint) && has(endpoint), spill),
      ),
      new ArmPart(armOf(BASELINE), baseline, anywhere),
    ];
    this.#byName = new Map(this.#arms.map((part, i) => [settings.arms[i]?.name ?? BASELINE, part]));
  }

  /** Its arms by name, the baseline among them. */
  get arms(): ReadonlyMap<string, ArmPart> {
    return this.#byName;
  }

  get parts(): readonly Part[] {
    return [...this.#arms, ...this.#spills];
  }

  /** Hot path. */
  choose(request: RouteRequest | undefined, random: Random = this.#random): ArmPart {
    const { rules, by, withoutKey } = this.settings;
    const labels = request?.labels;
    if (labels !== undefined) {
      for (let i = 0; i < rules.length; i++) {
        const rule = rules[i]!;
        if (rule.matches(labels)) return this.#byName.get(rule.arm)!;
      }
    }
    const key = by === undefined ? request?.key : labelOf(labels, by);
    if (key === undefined && withoutKey === 'baseline') return this.#arms[this.#arms.length - 1]!;
    return this.#arms[this.#buckets[bucketFor(key, this.#seed, random)]!]!;
  }
}

function bucketFor(key: RoutingKey | undefined, seed: number, random: Random): number {
  if (key === undefined) return random.below(BUCKETS);
  return bucketOf(typeof key === 'string' ? hash32(key, seed) : hashBytes32(key, seed));
}

/** Whether the arms are the same parts: shares and rules may differ. */
function sameArms(a: SplitSettings, b: SplitSettings): boolean {
  return (
    a.name === b.name &&
    a.baselineSelects === b.baselineSelects &&
    a.arms.length === b.arms.length &&
    a.arms.every(({ name, selects }, i) => name === b.arms[i]!.name && selects === b.arms[i]!.selects)
  );
}
