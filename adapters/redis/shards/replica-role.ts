import type { EndpointSpec } from '../../../src/index.js';

/** Discovery says so: `meta.role` is `replica`, or the instance has the tag `replica`. */
export function isReplica({ meta, tags }: EndpointSpec): boolean {
  return meta.role === 'replica' || (meta.role === undefined && tags.includes('replica'));
}
