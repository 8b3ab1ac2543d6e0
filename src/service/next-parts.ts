import type { StickySessions } from '../affinity/sticky-sessions.js';
import type { Resolver } from '../discovery/resolver.js';
import type { WarmFeed } from '../discovery/warm-feed.js';
import type { ViewHost } from '../picking/view.js';
import type { ServiceOptions, ServiceSettings } from './options.js';

/** What takes the place of the parts of a service, made ready before. */
export interface NextParts {
  readonly given: ServiceOptions;
  readonly options: ServiceSettings;
  readonly resolver: Resolver;
  /** Turns to pickers of another policy. Undefined where the policy stays. */
  readonly policy: ((timed: boolean) => void) | undefined;
  /** Undefined where the sessions stay as they are. */
  readonly sticky:
    | { readonly next: StickySessions | undefined; readonly rules?: NonNullable<ServiceSettings['affinity']> }
    | undefined;
  /** Undefined where the feed stays. */
  readonly feed: WarmFeed | undefined;
}

export function needsLatency({ health }: ServiceSettings): boolean {
  return health.some((signal) => signal.needsLatency === true);
}

export function rotationOptions({ panicThreshold, priority, zone }: ServiceSettings): ViewHost['rotationOptions'] {
  return { panicThreshold, overprovisioning: priority.overprovisioning, zone };
}
