import type { EtcdLayout } from '../layout.js';
import { joinKey, readAddress, writeAddress } from './values.js';

/**
 * go-zero (`core/discov`): `<key>/<lease or id>` and plain text `host:port`. It knows neither
 * weight nor zone nor health.
 */
export function goZero(prefix: string): EtcdLayout {
  return {
    keyFor: (service, id) => `${joinKey(prefix, service)}/${id}`,
    read: (value) => readAddress(value, 'it'),
    write: writeAddress,
  };
}
