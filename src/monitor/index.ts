/** `fairlead/monitor`: what a mesh does, as figures. */
export type { LatencyHistogram } from './latency-histogram.js';
export { type MeshFigures, meshFigures } from './mesh-figures.js';
export type {
  CallSnapshot,
  DiscoverySnapshot,
  EjectionSnapshot,
  EndpointSnapshot,
  MeshSnapshot,
  PartSnapshot,
  RepeatSnapshot,
  ServiceSnapshot,
  WindowSnapshot,
} from './snapshot.js';
