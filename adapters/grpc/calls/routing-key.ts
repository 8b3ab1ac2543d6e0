import type { Metadata } from '@grpc/grpc-js';
import { currentRoutingKey } from '../../../src/adapter.js';
import type { RoutingKey } from '../../../src/index.js';

/** Metadata options as grpc-js keeps them: unknown ones are carried along, never sent. */
interface KeyedOptions {
  fairleadKey?: RoutingKey;
  fairleadPrefer?: string | undefined;
}

/**
 * Sets the routing key of a call without sending it: the key rides on the options of its metadata.
 * Returns the metadata. The same as `metadata.setOptions({ fairleadKey: key })`, with the other
 * options kept.
 */
export function setRoutingKey(metadata: Metadata, key: RoutingKey): Metadata {
  const options: KeyedOptions = { ...metadata.getOptions(), fairleadKey: key };
  metadata.setOptions(options as ReturnType<Metadata['getOptions']>);
  return metadata;
}

/**
 * The key of a call: from the options of its metadata, else from the header of that name, else from
 * the async context. Undefined where none of them says one.
 */
export function routingKeyOf(metadata: Metadata, header: string | undefined): RoutingKey | undefined {
  const { fairleadKey } = metadata.getOptions() as KeyedOptions;
  if (fairleadKey !== undefined) return fairleadKey;
  if (header !== undefined) {
    const value = metadata.get(header)[0];
    if (value !== undefined) return value;
  }
  return currentRoutingKey();
}

/**
 * Asks for the endpoint of this id, for one call, without sending it: what an affinity token said,
 * as `AcquireRequest.prefer`. Where it may not be used, or with undefined, the policy picks.
 * Returns the metadata.
 */
export function setPreferredEndpoint(metadata: Metadata, endpointId: string | undefined): Metadata {
  const options: KeyedOptions = { ...metadata.getOptions(), fairleadPrefer: endpointId };
  metadata.setOptions(options as ReturnType<Metadata['getOptions']>);
  return metadata;
}

/** What `setPreferredEndpoint` asked for. */
export function preferredOf(metadata: Metadata): string | undefined {
  const { fairleadPrefer } = metadata.getOptions() as KeyedOptions;
  // Untrusted: unknown ids and values that are not strings are ignored.
  return typeof fairleadPrefer === 'string' ? fairleadPrefer : undefined;
}
