import { type EjectionEvent, Outcome, type Service } from 'fairlead';

/** So many calls, each ending as `outcomeOf` says for its endpoint. */
export function drive(
  service: Service,
  calls: number,
  outcomeOf: (id: string) => Outcome = () => Outcome.Success,
): void {
  for (let i = 0; i < calls; i++) {
    const lease = service.acquire();
    lease.done(outcomeOf(lease.endpoint.spec.id));
  }
}

/**
 * A judge under which each named endpoint fails its share of calls, spread evenly; the others
 * answer.
 */
export function failing(
  ratios: Readonly<Record<string, number>>,
  as: Outcome = Outcome.Failure,
): (id: string) => Outcome {
  const owed = new Map<string, number>();
  return (id) => {
    const due = (owed.get(id) ?? 0) + (ratios[id] ?? 0);
    const fails = due >= 1 - 1e-9;
    owed.set(id, fails ? due - 1 : due);
    return fails ? as : Outcome.Success;
  };
}

/** The ejections of a service, as they happen. */
export function ejections(service: Service): EjectionEvent[] {
  const seen: EjectionEvent[] = [];
  service.on('ejected', (event) => seen.push(event));
  return seen;
}

export const ids = (events: readonly EjectionEvent[]): string[] => events.map(({ endpoint }) => endpoint.spec.id);
