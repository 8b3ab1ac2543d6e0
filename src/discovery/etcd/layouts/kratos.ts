import type { EtcdLayout } from '../layout.js';
import { joinKey, readObject, readTexts, readWeight, writeAddress } from './values.js';

/** The namespace of Kratos' registry where none is configured. */
export const KRATOS_PREFIX = '/microservices';

/**
 * Kratos (`contrib/registry/etcd`): `/microservices/<service>/<id>` and JSON with the addresses as
 * URLs, one for each protocol: the one of `scheme` is taken. Metadata are texts, so that weight,
 * zone, tags and health of ours are too.
 */
export function kratos(prefix: string, scheme: string): EtcdLayout {
  return {
    keyFor: (service, id) => `${joinKey(prefix, service)}/${id}`,
    read: (value) => {
      const { endpoints, metadata } = readObject(value);
      const address = addressOfScheme(endpoints, scheme);
      if (address === undefined) return undefined;
      const { weight, zone, tags, healthy, ...meta } = readTexts(metadata);
      return {
        ...address,
        weight: readWeight(weight),
        zone: zone ?? '',
        tags: tags === undefined || tags === '' ? [] : tags.split(','),
        meta,
        healthy: healthy !== 'false',
      };
    },
    write: ({ service, id, host, port, weight, zone, tags, meta, healthy }) =>
      JSON.stringify({
        id,
        name: service,
        version: meta.version ?? '',
        metadata: {
          ...meta,
          weight: String(weight),
          ...(zone !== '' && { zone }),
          ...(tags.length > 0 && { tags: tags.join(',') }),
          ...(!healthy && { healthy: 'false' }),
        },
        endpoints: [`${scheme}://${writeAddress({ host, port })}?isSecure=false`],
      }),
  };
}

/** An instance that has no address of the scheme is none for us: undefined. */
function addressOfScheme(endpoints: unknown, scheme: string): { host: string; port: number } | undefined {
  if (!Array.isArray(endpoints)) throw new Error('endpoints is not an array');
  for (const each of endpoints) {
    if (typeof each !== 'string' || !each.startsWith(`${scheme}://`)) continue;
    // Of a scheme that URL does not know it reads no host in brackets.
    const url = new URL(each.replace(/^[^:]+:/, 'http:'));
    const port = url.port === '' ? 80 : Number(url.port);
    return { host: url.hostname.replace(/^\[|\]$/g, ''), port };
  }
  return undefined;
}
