/** `fairlead/monitor`: what a mesh does, as figures; alerts about it, and its health. */

export type { OddityCounts, ProbingCounts } from '../balancing/oddities.js';
export type { ActiveSilence, Alert, AlertEvent, Silence } from './alert.js';
export { type DescribedFigure, describedFigures, type FigureLabels } from './described-figures.js';
export type { HealthStatus, MeshHealth, SubjectHealth } from './health.js';
export type { LatencyHistogram } from './latency-histogram.js';
export { type LogMeshOptions, logMesh, type MeshLogger } from './log-mesh.js';
export { type MeshFigures, meshFigures } from './mesh-figures.js';
export { type AlertsSource, type MeshMonitor, type MonitorEvents, monitorMesh } from './monitor.js';
export type { AlertOptions, MonitorOptions } from './monitor-options.js';
export type { OperationHistogram } from './operation-histogram.js';
export type { Severity } from './rules/finding.js';
export type { AlertLimits } from './rules/limits.js';
export type {
  CallSnapshot,
  ConfigComparison,
  DiscoverySnapshot,
  EjectionSnapshot,
  EndpointSnapshot,
  MeshSnapshot,
  PartSnapshot,
  RepeatSnapshot,
  ServiceSnapshot,
  WindowSnapshot,
} from './snapshot.js';
export type { WebhookOptions } from './webhook.js';
