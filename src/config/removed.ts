import type { ConfigDocument } from './document.js';

/**
 * The services that documents had in `services` and name nowhere any more. Each document makes the
 * next of these, and one that is refused changes nothing.
 */
export class RemovedServices {
  /** Those that any document had. */
  readonly had: ReadonlySet<string>;
  /** Why each of them takes no calls. */
  readonly reasons: ReadonlyMap<string, string>;

  constructor(had: ReadonlySet<string> = new Set(), reasons: ReadonlyMap<string, string> = new Map()) {
    this.had = had;
    this.reasons = reasons;
  }

  /** What the document, which becomes this version, makes of them. */
  after(document: ConfigDocument, version: number): RemovedServices {
    const had = new Set([...this.had, ...Object.keys(document.services ?? {})]);
    const named = namedIn(document);
    const reasons = new Map<string, string>();
    for (const name of had) {
      if (named.has(name)) continue;
      reasons.set(name, this.reasons.get(name) ?? `version ${version} of the configuration removed it`);
    }
    return new RemovedServices(had, reasons);
  }
}

/**
 * The services that a document has: those it has options for, and those it only says of where their
 * calls go, or that a gateway sends calls there.
 */
export function namedIn({ services, routing, gateway }: ConfigDocument): ReadonlySet<string> {
  const names = [...Object.keys(services ?? {}), ...Object.keys(routing ?? {})];
  for (const { service } of gateway?.routes ?? []) if (service !== undefined) names.push(service);
  return new Set(names);
}
