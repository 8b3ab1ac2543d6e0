import type { StickySessions } from '../affinity/sticky-sessions.js';
import type { Resolver } from '../discovery/resolver.js';
import type { WarmFeed } from '../discovery/warm-feed.js';
import type { View } from '../picking/view.js';
import type { PreparedPolicy } from '../picking/view-set.js';
import type { Clock } from '../runtime/clock.js';
import type { Random } from '../runtime/random.js';
import { isSame } from '../runtime/same.js';
import { FlightRecorder, type RecorderSettings } from '../telemetry/flight-recorder.js';
import type { ServiceOptions, ServiceSettings } from './options.js';

/** What takes the place of the parts of a service, made ready before. */
export interface NextParts {
  readonly given: ServiceOptions;
  readonly options: ServiceSettings;
  readonly resolver: Resolver;
  /** Turns to pickers of another policy. Undefined where the policy stays. */
  readonly policy: PreparedPolicy | undefined;
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

/** Whether response times are measured whatever the policies need. */
export function wantsLatency(options: ServiceSettings): boolean {
  return options.measureLatency || options.recorder !== undefined || needsLatency(options);
}

/** One that goes on while its options stay. */
export function recorderOf(
  service: RecordedService,
  settings: RecorderSettings | undefined,
  before: FlightRecorder | undefined,
): FlightRecorder | undefined {
  if (settings === undefined || isSame(settings, before?.settings)) return settings === undefined ? undefined : before;
  const { name, clock, random } = service;
  return new FlightRecorder(name, () => service.inner.view.policyName, clock, random.below(2 ** 30), settings, before);
}

interface RecordedService {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly inner: { readonly view: View };
}
