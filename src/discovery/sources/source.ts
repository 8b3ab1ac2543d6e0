import {
  described,
  integer,
  invalidOption,
  isRecord,
  type Reader,
  readOptions,
  type Schema,
  text,
  unchecked,
} from '../../runtime/options.js';
import type { Resolver, ServiceQuery } from '../resolver.js';

/** A resolver among others, and what it is asked. */
export interface Source {
  readonly resolver: Resolver;
  /** The name in events and in `discovery`. Default: the resolver's. */
  readonly name?: string;
  /**
   * What it is asked of every service, as of a service's option `discovery`. A service overrides it
   * under the source's name: `discovery: { consul: { tag: 'v2' } }`.
   */
  readonly discovery?: Readonly<Record<string, unknown>>;
  /**
   * Added to the priority of its endpoints: 0 is used first; a whole number from 0 to 127. Default
   * 0.
   */
  readonly priority?: number;
}

export interface SourceSettings {
  readonly resolver: Resolver;
  readonly name: string;
  readonly discovery: Readonly<Record<string, unknown>>;
  readonly priority: number;
}

const resolver: Reader<Resolver> = (value, name) => {
  const given = value as Partial<Resolver> | null | undefined;
  if (typeof given?.watch === 'function' && typeof given.name === 'string') return given as Resolver;
  throw invalidOption(name, value, 'a resolver');
};

const record: Reader<Readonly<Record<string, unknown>>> = described(
  { shape: { type: 'map', values: unchecked() }, fallback: {} },
  (value, name) => {
    if (value === undefined) return {};
    if (isRecord(value)) return value;
    throw invalidOption(name, value, 'an object');
  },
);

/** What is said of a source, beside its resolver. */
export const sourceSchema: Schema<Omit<SourceSettings, 'resolver' | 'name'> & { readonly name: string | undefined }> = {
  name: text(undefined),
  discovery: record,
  priority: integer(0, 0, 127),
};

/** Throws FAIRLEAD_INVALID_OPTION, also for two of one name. */
export function readSources(context: string, sources: unknown): readonly SourceSettings[] {
  if (!Array.isArray(sources) || sources.length === 0) {
    throw invalidOption(`${context}.sources`, sources, 'an array of at least one source');
  }
  const names = new Set<string>();
  return sources.map((source: unknown, at) => {
    const where = `${context}.sources[${at}]`;
    const read = readOptions<Omit<SourceSettings, 'name'> & { readonly name: string | undefined }>(where, source, {
      resolver,
      ...sourceSchema,
    });
    const name = read.name ?? read.resolver.name;
    if (names.has(name)) throw invalidOption(`${where}.name`, name, 'a name that no other source has');
    names.add(name);
    return { ...read, name };
  });
}

/** What each source is asked of a service. Throws FAIRLEAD_INVALID_OPTION. */
export function queriesOf(
  { service, params }: ServiceQuery,
  sources: readonly SourceSettings[],
): readonly ServiceQuery[] {
  const context = `service '${service}': discovery`;
  const schema = Object.fromEntries(sources.map(({ name }) => [name, record]));
  const own = readOptions<Record<string, Readonly<Record<string, unknown>>>>(context, params, schema);
  return sources.map(({ name, discovery }) => ({ service, params: { ...discovery, ...own[name] } }));
}

/** Each source says whether it can be asked so. */
export function checkSources(query: ServiceQuery, sources: readonly SourceSettings[]): void {
  for (const [at, each] of queriesOf(query, sources).entries()) sources[at]!.resolver.check?.(each);
}

/** Also where one resolver is several sources, it is closed once. */
export function closeSources(sources: readonly SourceSettings[]): void {
  for (const each of new Set(sources.map((source) => source.resolver))) each.close?.();
}
