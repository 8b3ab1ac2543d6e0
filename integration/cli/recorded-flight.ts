import type { Flight, Service } from 'fairlead';
import { normal, poisson, servers, simulate } from 'fairlead/testing';

/** One of four servers takes forty times as long for a while, and round robin does not see it. */
export function recordedFlight(): Flight {
  let flown: Service | undefined;
  simulate({
    durationMs: 20_000,
    servers: servers(4, { serviceTime: normal(20, 2) }),
    faults: [{ kind: 'slow', server: 's1', fromMs: 5_000, untilMs: 15_000, serviceTime: normal(800, 20) }],
    arrivals: poisson(100),
    service: { policy: 'round_robin', health: [], recorder: true },
    observe: (service) => {
      flown = service;
    },
  });
  return flown!.flight!.read();
}
