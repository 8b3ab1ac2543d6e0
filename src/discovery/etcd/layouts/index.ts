import { described, invalidOption, type Reader, type Schema, text } from '../../../runtime/options.js';
import type { EtcdLayout } from '../layout.js';
import { etcdNaming } from './etcd-naming.js';
import { goZero } from './go-zero.js';
import { INSTANCE_JSON_PREFIX, instanceJson } from './instance-json.js';
import { KITEX_PREFIX, kitex } from './kitex.js';
import { KRATOS_PREFIX, kratos } from './kratos.js';
import { SKYDNS_PREFIX, skydns } from './skydns.js';

/** Layouts that are known by name. `docs/etcd.md` has their keys and values. */
export type EtcdLayoutName = 'etcd-naming' | 'go-zero' | 'kratos' | 'kitex' | 'skydns' | 'instance-json';

/** How services lie in etcd: options of the resolver and the registrar. */
export interface EtcdLayoutOptions {
  /** Default `etcd-naming`, which grpc-go reads; or one of your own. */
  readonly layout?: EtcdLayoutName | EtcdLayout;
  /**
   * What the keys begin with. Default by layout: none for `etcd-naming` and `go-zero`, else
   * `/microservices`, `kitex/registry-etcd`, `/skydns`, `services`. Not for a layout of your own.
   */
  readonly prefix?: string;
  /** Of the addresses that Kratos registers for an instance, the one to take. Default `grpc`. */
  readonly scheme?: string;
}

export interface LayoutSettings {
  readonly layout: EtcdLayoutName | EtcdLayout;
  readonly prefix: string | undefined;
  readonly scheme: string | undefined;
}

const LAYOUTS: Readonly<Record<EtcdLayoutName, (prefix: string | undefined, scheme: string) => EtcdLayout>> = {
  'etcd-naming': (prefix = '') => etcdNaming(prefix),
  'go-zero': (prefix = '') => goZero(prefix),
  kratos: (prefix = KRATOS_PREFIX, scheme) => kratos(prefix, scheme),
  kitex: (prefix = KITEX_PREFIX) => kitex(prefix),
  skydns: (prefix = SKYDNS_PREFIX) => skydns(prefix),
  'instance-json': (prefix = INSTANCE_JSON_PREFIX) => instanceJson(prefix),
};

const layout: Reader<EtcdLayoutName | EtcdLayout> = described(
  { shape: { type: 'enum', values: Object.keys(LAYOUTS) }, fallback: 'etcd-naming' },
  (value, name) => {
    if (value === undefined) return 'etcd-naming';
    if (typeof value === 'string' && Object.hasOwn(LAYOUTS, value)) return value as EtcdLayoutName;
    const own = value as Partial<EtcdLayout> | null;
    if (typeof own?.keyFor === 'function' && typeof own.read === 'function') return own as EtcdLayout;
    throw invalidOption(name, value, `one of ${Object.keys(LAYOUTS).join(', ')}, or { keyFor, read }`);
  },
);

/** Readers of the options, to be spread into a schema. */
export const layoutSchema: Schema<LayoutSettings> = { layout, prefix: text(undefined), scheme: text(undefined) };

/** The layout that is meant. Throws FAIRLEAD_INVALID_OPTION. */
export function layoutOf(context: string, { layout: chosen, prefix, scheme }: LayoutSettings): EtcdLayout {
  const name = typeof chosen === 'string' ? chosen : 'a layout of your own';
  if (scheme !== undefined && chosen !== 'kratos') {
    throw invalidOption(`${context}.scheme`, scheme, `none with ${name}`);
  }
  if (typeof chosen === 'string') return LAYOUTS[chosen](prefix, scheme ?? 'grpc');
  if (prefix !== undefined) throw invalidOption(`${context}.prefix`, prefix, `none with ${name}`);
  return chosen;
}
