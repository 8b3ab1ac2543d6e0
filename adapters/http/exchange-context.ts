import type { CallCounter, CallPlanning } from '../../src/adapter.js';
import type { Clock, Service } from '../../src/index.js';
import type { EndpointPools } from './endpoint-pools.js';
import type { HttpSettings } from './options.js';
import type { RepeatLedger } from './repeat-ledger.js';

/** What all exchanges with a service share. */
export interface ExchangeContext {
  readonly settings: HttpSettings;
  readonly service: Service;
  readonly planning: CallPlanning;
  readonly counter: CallCounter;
  readonly pools: EndpointPools;
  readonly clock: Clock;
  readonly ledger: RepeatLedger;
}
