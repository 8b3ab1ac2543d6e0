import type { EtcdLayout } from '../layout.js';
import { joinKey, readAddress, readObject, readTextList, readTexts, readWeight, writeAddress } from './values.js';

export const INSTANCE_JSON_PREFIX = 'services';

/**
 * `<prefix>/<service>/<id>` and JSON `{"ID","Address":"host:port","Weight","Active"}`, for programs
 * of one's own. `Active: false` is an instance that is registered and not well. `Zone`, `Tags` and
 * `Meta` are ours.
 */
export function instanceJson(prefix: string): EtcdLayout {
  return {
    keyFor: (service, id) => `${joinKey(prefix, service)}/${id}`,
    read: (value) => {
      const { Address, Weight, Active, Zone, Tags, Meta } = readObject(value);
      return {
        ...readAddress(Address, 'Address'),
        weight: readWeight(Weight),
        zone: typeof Zone === 'string' ? Zone : '',
        tags: readTextList(Tags),
        meta: readTexts(Meta),
        healthy: Active !== false,
      };
    },
    write: ({ id, host, port, weight, zone, tags, meta, healthy }) =>
      JSON.stringify({
        ID: id,
        Address: writeAddress({ host, port }),
        Weight: weight,
        Active: healthy,
        ...(zone !== '' && { Zone: zone }),
        ...(tags.length > 0 && { Tags: tags }),
        ...(Object.keys(meta).length > 0 && { Meta: meta }),
      }),
  };
}
