/** Endpoints with series of their own. OpenTelemetry keeps 2,000 series; a state has five. */
const MAX_ENDPOINTS = 100;

/** In place of the id of an endpoint beyond those. */
const OTHER = 'other';

/**
 * Which endpoints have series of their own. OpenTelemetry for JavaScript never forgets a series
 * that is reported cumulatively, so where endpoints come and go all day their number must be
 * bounded: the first 100 of a mesh have their id for a label, and all others share one.
 */
export class EndpointLabels {
  readonly #known = new Set<string>();

  of(service: string, endpointId: string): string {
    const name = `${service}\n${endpointId}`;
    if (this.#known.has(name)) return endpointId;
    if (this.#known.size >= MAX_ENDPOINTS) return OTHER;
    this.#known.add(name);
    return endpointId;
  }
}
