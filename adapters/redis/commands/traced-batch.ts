import { tracerOf } from '../../../src/adapter.js';
import type { Command } from '../driver/driver.js';

const untold = (): void => {};

/**
 * Sends the parts of one command; where the service is traced they have one span over them, or a
 * command for several shards would look like several commands.
 */
export function tracedBatch<T>(
  { name }: Command,
  size: number,
  service: string,
  shard: { readonly service: { readonly name: string } } | undefined,
  send: () => T,
): { readonly sent: T; end(error?: unknown): void } {
  const tracer = size > 1 && shard !== undefined ? tracerOf(shard.service) : undefined;
  if (tracer === undefined) return { sent: send(), end: untold };
  return tracer.batch({ system: 'redis', service, operation: name, size }, send);
}
