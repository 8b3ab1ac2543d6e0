import type { Resolver } from '../discovery/resolver.js';
import { WarmFeed } from '../discovery/warm-feed.js';
import { FairleadError } from '../runtime/errors.js';
import { isSame } from '../runtime/same.js';
import type { NextParts } from './next-parts.js';
import { readServiceOptions, type ServiceOptions, type ServiceSettings } from './options.js';
import type { LiveService } from './service.js';

/** What a service that runs is to become. */
export interface ServiceTarget {
  readonly options: ServiceOptions;
  readonly resolver: Resolver;
}

/** A change that is ready. `swap` of all services, then `settle` of all: in one turn. */
export interface PreparedChange {
  /** The options are in force. Throws nothing, and calls nobody. */
  swap(): void;
  /** Rotations are computed, and listeners called. */
  settle(): void;
  /** Or it is given up. */
  abandon(): void;
}

/**
 * Makes ready that a running service goes by other options. What did not change keeps its
 * identity: counters, estimates, ejections, breakers, budgets, sessions. Where endpoints are to
 * come from elsewhere, waits at most `patienceMs` for a list: it is in force with the rest.
 * Rejects, and changes nothing, where the options contradict what is there.
 */
export async function prepareChange(
  service: LiveService,
  { options: given, resolver }: ServiceTarget,
  patienceMs: number,
): Promise<PreparedChange> {
  const { name, given: before } = service;
  const read = readServiceOptions(`service '${name}'`, given);
  const changed = (key: keyof ServiceOptions): boolean => !isSame(before[key], given[key]);
  // What was made by the same options stays the same object: signals, checks, the policy.
  const options = Object.fromEntries(
    (Object.keys(read) as (keyof ServiceSettings)[]).map((key) => [
      key,
      changed(key) ? read[key] : service.options[key],
    ]),
  ) as unknown as ServiceSettings;
  resolver.check?.({ service: name, params: options.discovery });
  const policy =
    changed('policy') || changed('probes')
      ? service.views.change(service.views.resolve(options.policy), options.probes)
      : undefined;
  const sticky = changed('affinity') ? nextSticky(service, options) : undefined;
  const moves = resolver !== service.resolver || changed('discovery');
  let feed: WarmFeed | undefined;
  try {
    if (moves) feed = await warm(service, resolver, options, patienceMs);
  } catch (thrown) {
    policy?.abandon();
    throw thrown;
  }
  const next: NextParts = { given, options, resolver, policy, sticky, feed };
  return {
    swap: () => service.swap(next),
    settle: () => service.settle(),
    abandon: () => {
      policy?.abandon();
      feed?.close();
    },
  };
}

function nextSticky(service: LiveService, { affinity }: ServiceSettings): NextParts['sticky'] {
  const { sticky } = service;
  const before = service.options.affinity;
  if (affinity === undefined || before === undefined || sticky === undefined) {
    return { next: service.createSticky(affinity) };
  }
  const { onUnavailable, drainMs } = before;
  if (isSame({ ...affinity, onUnavailable, drainMs }, before)) {
    // Only the rules are others: the sessions stay where they are.
    return { next: sticky, rules: affinity };
  }
  return { next: service.createSticky(affinity) };
}

async function warm(
  service: LiveService,
  resolver: Resolver,
  { discovery }: ServiceSettings,
  patienceMs: number,
): Promise<WarmFeed> {
  const feed = new WarmFeed(service.name, service, service.stopping).follow(resolver, discovery);
  const had = service.endpoints.length;
  // Nothing depends on it yet.
  if (had === 0) return feed;
  try {
    const list = await feed.list(patienceMs);
    if (list.length > 0) return feed;
    throw new FairleadError(
      'FAIRLEAD_DISCOVERY',
      `The resolver '${resolver.name}' lists no endpoint of service '${service.name}', which has ${had} now.`,
      { service: service.name },
    );
  } catch (thrown) {
    feed.close();
    throw thrown;
  }
}
