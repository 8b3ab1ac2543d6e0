import type { EtcdLayout } from '../layout.js';
import { joinKey, readObject, readWeight } from './values.js';

export const SKYDNS_PREFIX = '/skydns';

const LAST_PRIORITY = 127;

/**
 * SkyDNS, which CoreDNS serves (`plugin/etcd/msg/service.go`): `/skydns/<labels of the name, last
 * first>/<id>` and JSON `{"host","port","priority","weight"}`. The service is a DNS name,
 * `users.prod.local`. Of two priorities the lower is used first, here as there.
 */
export function skydns(prefix: string): EtcdLayout {
  return {
    keyFor: (service, id) =>
      `${joinKey(
        prefix,
        ...service
          .split('.')
          .filter((label) => label !== '')
          .reverse(),
      )}/${id}`,
    read: (value) => {
      const { host, port, weight, priority } = readObject(value);
      if (typeof host !== 'string') throw new Error('host is not a text');
      // A value without a port is a name for DNS alone.
      if (port === undefined || port === 0) return undefined;
      return { host, port: port as number, weight: readWeight(weight), priority: readPriority(priority) };
    },
    write: ({ host, port, weight }) => JSON.stringify({ host, port, weight }),
  };
}

function readPriority(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.min(LAST_PRIORITY, Math.floor(value)) : 0;
}
