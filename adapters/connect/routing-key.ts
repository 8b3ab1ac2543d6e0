import { type ContextKey, type ContextValues, createContextKey } from '@connectrpc/connect';
import { currentRoutingKey } from '../../src/adapter.js';
import type { RoutingKey } from '../../src/index.js';

/** What headers are made from; the name belongs to the DOM's types, which Node's do not include. */
export type HeaderInput = ConstructorParameters<typeof Headers>[0];

/**
 * Sets the routing key of one call without sending it: `client.get(request, { contextValues:
 * createContextValues().set(routingKey, userId) })`.
 */
export const routingKey: ContextKey<RoutingKey | undefined> = createContextKey<RoutingKey | undefined>(undefined, {
  description: 'fairlead routing key',
});

/**
 * Asks for one endpoint by its id, for one call: what an affinity token said. Where it may not be
 * used the policy picks. `createContextValues().set(preferredEndpoint, tokens.read(token,
 * service.endpoints))`.
 */
export const preferredEndpoint: ContextKey<string | undefined> = createContextKey<string | undefined>(undefined, {
  description: 'fairlead preferred endpoint',
});

/**
 * The key of a call: from its context values, else from the header of that name, else from the
 * async context (`withRoutingKey`). Undefined where none of them says one.
 */
export function routingKeyOf(
  contextValues: ContextValues | undefined,
  header: HeaderInput | undefined,
  keyHeader: string | undefined,
): RoutingKey | undefined {
  const given = contextValues?.get(routingKey);
  if (given !== undefined) return given;
  if (keyHeader !== undefined && header !== undefined) {
    const value = new Headers(header).get(keyHeader);
    if (value !== null) return value;
  }
  return currentRoutingKey();
}
