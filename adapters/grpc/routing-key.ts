import type { Metadata } from '@grpc/grpc-js';
import { currentRoutingKey, type RoutingKey } from '../../src/index.js';

/** Metadata options as grpc-js keeps them: unknown ones are carried along, never sent. */
interface KeyedOptions {
  fairleadKey?: RoutingKey;
}

/**
 * Gives a call its routing key without sending it: the key rides on the options of its metadata. Gives the metadata
 * back. The same as `metadata.setOptions({ fairleadKey: key })`, with the other options kept.
 */
export function setRoutingKey(metadata: Metadata, key: RoutingKey): Metadata {
  const options: KeyedOptions = { ...metadata.getOptions(), fairleadKey: key };
  metadata.setOptions(options as ReturnType<Metadata['getOptions']>);
  return metadata;
}

/**
 * The key of a call: from the options of its metadata, else from the header of that name, else from the async context.
 * Undefined where none of them says one.
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
