import type { RedisOptions } from 'ioredis';
import { optionReaders, type PartExplainer } from '../../src/adapter.js';
import { addressOf, type Endpoint } from '../../src/index.js';
import type { PlacementName, ShardedSettings } from './common/options.js';
import { prefixed } from './driver/driver.js';
import { hashedPart } from './shards/placement.js';
import type { ShardSet } from './shards/shard-set.js';
import type { ShardState } from './shards/state.js';

/** Where the commands of a key go now, and why. Plain values; the key is not among them. */
export interface KeyExplanation {
  readonly service: string;
  readonly placement: PlacementName;
  /** Counts the changes of the topology that this client has seen. */
  readonly generation: number;
  /** Whether a hash tag decides: `{user:7}`. */
  readonly tagged: boolean;
  /** The shard that the placement names. */
  readonly owner: string;
  readonly address: string;
  readonly state: ShardState;
  /** The shard whose server gets the commands: the owner, or one that stands in for it. */
  readonly serves: string;
  /**
   * `owner`: the placement names it; `only`: there is no other; `stands_in`: the owner does not
   * serve, and the placement goes on to this one.
   */
  readonly because: 'owner' | 'only' | 'stands_in';
  /** What a command would be refused with now; undefined where it would be sent. */
  readonly refused: string | undefined;
  /** The servers behind the owner, with `onFailure: 'replica'`. */
  readonly replicas: readonly { readonly id: string; readonly address: string; readonly state: ShardState }[];
  /** What the service says of the owner's endpoint: its state, weight and calls in flight. */
  readonly endpoint: { readonly state: Endpoint['state']; readonly weight: number };
}

/** The key that the method `name` was asked about, with its prefix. */
export function readKey(name: string, key: unknown, options: RedisOptions): string | Buffer {
  if (typeof key === 'string' || Buffer.isBuffer(key)) return prefixed(key, options);
  throw optionReaders.invalidOption(name, key, 'a key: a string or a Buffer');
}

/** `key` as it is sent, with its prefix. */
export function explainKey(
  key: string | Buffer,
  { service, placement }: ShardedSettings,
  set: ShardSet,
): KeyExplanation {
  const { owner, target, standsIn } = set.explain(key);
  const { name, address, state, endpoint, replicas } = owner;
  return {
    service,
    placement,
    generation: set.generation,
    tagged: hashedPart(key) !== key,
    owner: name,
    address,
    state,
    serves: target.name,
    because: standsIn ? 'stands_in' : set.shards.length === 1 ? 'only' : 'owner',
    refused: target.refusal()?.message,
    replicas: replicas.map((each) => ({
      id: each.endpoint.spec.id,
      address: addressOf(each.endpoint.spec),
      state: each.state,
    })),
    endpoint: { state: endpoint.state, weight: endpoint.weight },
  };
}

/** For forms: the same of a key that somebody typed. */
export function keyExplainer(explain: (key: string) => KeyExplanation): PartExplainer {
  return {
    fields: ['key'],
    takesHeaders: false,
    explain: ({ values: { key } }) => {
      if (key === undefined) throw optionReaders.invalidOption('key', key, 'a key');
      return explain(key);
    },
  };
}
