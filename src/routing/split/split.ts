import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Part, RouteRequest } from '../../picking/router.js';
import type { RoutingKey } from '../../runtime/context.js';
import { hash32, hashBytes32 } from '../../runtime/hash.js';
import type { Random } from '../../runtime/random.js';
import { labelOf } from '../labels.js';
import { ArmPart, SpillPart } from './arm-part.js';
import { BUCKETS, bucketOf, bucketsOf } from './buckets.js';
import { type ArmSettings, BASELINE, type SplitSettings } from './options.js';
import type { Selects } from './selector.js';

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
  readonly #anywhere: SpillPart;
  /** Another part than the baseline's own, so that its calls are in no comparison. */
  readonly #spill: SpillPart;
  readonly #byName: ReadonlyMap<string, ArmPart>;
  readonly #buckets: Uint8Array;

  /**
   * `within`: which endpoints may be any arm's at all. `previous`: what was split before; each arm
   * that means the same stays the same, whatever becomes of others, and so do its counts. The
   * endpoints of a baseline that is the rest change with the arms: views are to be refreshed.
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
    const kept = previous?.settings.name === settings.name ? previous : undefined;
    const sameBaseline = kept?.settings.baseline?.selects === settings.baseline?.selects;
    const named = (name: string): string => `${settings.name}/${name}`;
    const selected = (endpoint: Endpoint): boolean => settings.arms.some(({ has }) => has(endpoint));
    const isBaseline = settings.baseline?.has ?? ((endpoint: Endpoint) => !selected(endpoint));
    const baseline = (endpoint: Endpoint): boolean => within(endpoint) && isBaseline(endpoint);
    const [anywhere, spill] = kept === undefined ? [] : [kept.#anywhere, kept.#spill];
    this.#anywhere = selecting(anywhere ?? new SpillPart(named('(anywhere)'), within, undefined), within);
    this.#spill = selecting(spill ?? new SpillPart(named('(spill)'), baseline, this.#anywhere), baseline);
    const armOf = ({ name, has, selects }: ArmSettings): ArmPart => {
      const own = (endpoint: Endpoint): boolean => within(endpoint) && has(endpoint);
      const before = kept?.settings.arms.find((each) => each.name === name && each.selects === selects);
      const part = before && kept?.arms.get(name);
      return selecting(part ?? new ArmPart({ split: settings.name, name }, own, this.#spill), own);
    };
    const rest = sameBaseline ? kept?.arms.get(BASELINE) : undefined;
    this.#arms = [
      ...settings.arms.map(armOf),
      selecting(rest ?? new ArmPart({ split: settings.name, name: BASELINE }, baseline, this.#anywhere), baseline),
    ];
    this.#byName = new Map(this.#arms.map((part, i) => [settings.arms[i]?.name ?? BASELINE, part]));
  }

  /** Its arms by name, the baseline among them. */
  get arms(): ReadonlyMap<string, ArmPart> {
    return this.#byName;
  }

  get parts(): readonly Part[] {
    return [...this.#arms, this.#spill, this.#anywhere];
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

function selecting<T extends ArmPart | SpillPart>(part: T, selects: Selects): T {
  part.selects = selects;
  return part;
}
