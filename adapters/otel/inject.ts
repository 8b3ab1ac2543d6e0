import { type Context, propagation } from '@opentelemetry/api';
import type { HeaderSetter } from '../../src/adapter.js';

/** Tells a server what of `from` is propagated. */
export function injectFrom<C>(from: Context, carrier: C, setter: HeaderSetter<C>): void {
  propagation.inject(from, carrier, setter);
}
