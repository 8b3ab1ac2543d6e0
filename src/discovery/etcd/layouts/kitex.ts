import type { EtcdLayout } from '../layout.js';
import { joinKey, readAddress, readObject, readTexts, readWeight, writeAddress } from './values.js';

export const KITEX_PREFIX = 'kitex/registry-etcd';

/** What Kitex takes a weight to be that is not above zero. */
const KITEX_WEIGHT = 10;

/**
 * Kitex (`registry-etcd`): `kitex/registry-etcd/<service>/<host:port>` and JSON `{"network",
 * "address","weight","tags":{}}`. Its tags are pairs: they are our metadata, with `zone` and
 * `healthy` among them. Sockets of the file system are not supported.
 */
export function kitex(prefix: string): EtcdLayout {
  return {
    keyFor: (service, id) => `${joinKey(prefix, service)}/${id}`,
    read: (value) => {
      const { network, address, weight, tags } = readObject(value);
      if (network === 'unix') return undefined;
      const { zone, healthy, ...meta } = readTexts(tags);
      return {
        ...readAddress(address, 'address'),
        weight: readWeight(weight, KITEX_WEIGHT),
        zone: zone ?? '',
        meta,
        healthy: healthy !== 'false',
      };
    },
    write: ({ host, port, weight, zone, meta, healthy }) =>
      JSON.stringify({
        network: 'tcp',
        address: writeAddress({ host, port }),
        weight,
        tags: { ...meta, ...(zone !== '' && { zone }), ...(!healthy && { healthy: 'false' }) },
      }),
  };
}
