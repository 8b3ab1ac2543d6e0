/** What a route has done; kept by its name over changes of routes. */
export class RouteFigures {
  requests = 0;
  inflight = 0;
  /** By the first digit of the status; [0]: the client went before there was one. */
  readonly byClass: number[] = [0, 0, 0, 0, 0, 0];
  /** Answered by a limit of the route. */
  limited = 0;
  /** Answered by the fallback of the route. */
  fallbacks = 0;
  /** Responses that broke off. */
  broken = 0;
  responseBytes = 0;

  began(): void {
    this.requests++;
    this.inflight++;
  }

  ended(status: number): void {
    this.inflight--;
    // RFC 9110, 15: a status of no class is one of 5xx.
    this.byClass[Math.min(Math.floor(status / 100), 5)]!++;
  }

  /** By name, `prefix` in front. */
  into(figures: Record<string, number>, prefix: string): void {
    const { requests, inflight, byClass, limited, fallbacks, broken } = this;
    figures[`${prefix}.requests`] = requests;
    figures[`${prefix}.inflight`] = inflight;
    for (let i = 2; i < byClass.length; i++) figures[`${prefix}.${i}xx`] = byClass[i]!;
    figures[`${prefix}.gone`] = byClass[0]!;
    figures[`${prefix}.limited`] = limited;
    figures[`${prefix}.fallbacks`] = fallbacks;
    figures[`${prefix}.broken`] = broken;
    figures[`${prefix}.responseBytes`] = this.responseBytes;
  }
}
