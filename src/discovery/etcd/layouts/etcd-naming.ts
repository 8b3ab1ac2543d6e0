import type { EtcdLayout } from '../layout.js';
import {
  asObject,
  joinKey,
  readAddress,
  readObject,
  readTextList,
  readTexts,
  readWeight,
  writeAddress,
} from './values.js';

/**
 * The naming of etcd's own client, which grpc-go reads as `etcd:///<service>`
 * (`client/v3/naming/endpoints`): `<service>/<id>` and JSON `{"Op":0,"Addr":"host:port",
 * "Metadata":any}`. Go programs pass over our metadata; ours read weight, zone, tags, meta and
 * health from it. The Go client looks for the service without the final slash, and so finds
 * `users-v2` under `users`; we do not.
 */
export function etcdNaming(prefix: string): EtcdLayout {
  return {
    keyFor: (service, id) => `${joinKey(prefix, service)}/${id}`,
    read: (value) => {
      const { Addr, Metadata } = readObject(value);
      const { weight, zone, tags, meta, healthy } = asObject(Metadata) ?? {};
      return {
        ...readAddress(Addr, 'Addr'),
        weight: readWeight(weight),
        zone: typeof zone === 'string' ? zone : '',
        tags: readTextList(tags),
        meta: readTexts(meta),
        healthy: healthy !== false,
      };
    },
    write: ({ host, port, weight, zone, tags, meta, healthy }) => {
      const Metadata = { weight, ...(zone !== '' && { zone }), tags, meta, ...(!healthy && { healthy }) };
      return JSON.stringify({ Op: 0, Addr: writeAddress({ host, port }), Metadata });
    },
  };
}
