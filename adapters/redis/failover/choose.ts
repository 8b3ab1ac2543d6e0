import type { OnFailure } from '../shards/on-failure.js';
import { Fail } from './fail.js';
import type { FailoverHost } from './host.js';
import { Next } from './next.js';
import { Replica } from './replica.js';

/** The policy that the option `onFailure` names. */
export function onFailure(host: FailoverHost): OnFailure {
  switch (host.own.onFailure) {
    case 'next':
      return new Next(host);
    case 'replica':
      return new Replica(host.own.service);
    default:
      return new Fail();
  }
}
