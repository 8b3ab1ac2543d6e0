export type { AffinityEvent, AffinityStore, SessionsFullEvent, SharedAffinityStore } from './affinity/affinity.js';
export {
  type ClientIpOptions,
  clientIpKey,
  cookieKey,
  firstKey,
  headerKey,
  type SessionKey,
} from './affinity/session-keys.js';
export type { TokenKey } from './affinity/signed-text.js';
export { sessionHash } from './affinity/store-key.js';
export { type AffinityTokens, type AffinityTokensOptions, affinityTokens } from './affinity/tokens.js';
export { type AdaptiveWeightOptions, adaptiveWeight } from './balancing/adaptive-weight.js';
export { type ConsistentHashOptions, consistentHash } from './balancing/consistent-hash.js';
export { definePolicy, type PolicyFactory } from './balancing/factory.js';
export { type IpHashOptions, ipHash } from './balancing/ip-hash.js';
export { leastConnections } from './balancing/least-connections.js';
export { type LeastRequestOptions, leastRequest } from './balancing/least-request.js';
export { type MaglevOptions, maglev } from './balancing/maglev.js';
export { type PeakEwmaOptions, peakEwma } from './balancing/peak-ewma.js';
export type {
  Description,
  Picker,
  PickRequest,
  Policy,
  PolicyContext,
  Preview,
  ProbeSource,
} from './balancing/policy.js';
export { type PrequalOptions, prequal } from './balancing/prequal.js';
export { randomPolicy } from './balancing/random.js';
export { type RendezvousOptions, rendezvous } from './balancing/rendezvous.js';
export { roundRobin } from './balancing/round-robin.js';
export type { PolicyName, PolicyOptions, PolicySpec } from './balancing/spec.js';
export { weightedLeastConnections } from './balancing/weighted-least-connections.js';
export { type WeightedRoundRobinOptions, weightedRoundRobin } from './balancing/weighted-round-robin.js';
export type { CallOptions, FallbackOption } from './call/options.js';
export type { CallStats } from './call/plan.js';
export type { DiscoveryContext } from './discovery/context.js';
export type {
  DeadlineOptions,
  InstanceInput,
  InstanceUpdate,
  Registrar,
  Registration,
  RegistrationStatus,
} from './discovery/registrar.js';
export type { DiscoveryStatus, EndpointInput, Resolver, ResolverSink, ServiceQuery } from './discovery/resolver.js';
export { type StaticResolver, staticResolver } from './discovery/static.js';
export type { ValueSink, ValueSource } from './discovery/value-source.js';
export { addressOf, type Endpoint, type EndpointSpec, type EndpointState, type Rotation } from './endpoint/endpoint.js';
export type { KetamaCompatibility } from './hashing/label-counts.js';
export type { ActiveCheck, CheckTarget } from './health/active-check.js';
export { type ConnectFailuresOptions, connectFailures } from './health/connect-failures.js';
export { type ConsecutiveFailuresOptions, consecutiveFailures } from './health/consecutive-failures.js';
export { type CustomCheckOptions, customCheck } from './health/custom-check.js';
export type { EjectionEvent } from './health/ejection-event.js';
export { type FailurePercentageOptions, failurePercentage } from './health/failure-percentage.js';
export { type GrpcCheckOptions, grpcCheck } from './health/grpc-check.js';
export type { Evidence, HealthContext, HealthSignal, HealthTracker } from './health/health.js';
export { type HttpCheckOptions, httpCheck } from './health/http-check.js';
export { type LatencyOutliersOptions, latencyOutliers } from './health/latency-outliers.js';
export { type OutlierDetectionOptions, outlierDetection } from './health/outlier-detection.js';
export type { CheckReport } from './health/reported-checks.js';
export type { CheckEvent } from './health/service-checks.js';
export { type SuccessRateOptions, successRate } from './health/success-rate.js';
export { type TcpCheckOptions, tcpCheck } from './health/tcp-check.js';
export { createMesh, type Mesh } from './mesh.js';
export type { AcquireRequest, Lease } from './picking/lease.js';
export { type Attempt, attemptsOf } from './resilience/attempts.js';
export type { HedgeOptions } from './resilience/hedging.js';
export type { LimitOptions, ResilienceOptions } from './resilience/options.js';
export { isRefusal } from './resilience/refusal.js';
export type { RetryOptions } from './resilience/retry.js';
export type { Classify, Repeat, Verdict } from './resilience/verdict.js';
export type { Route, RouteMatch, RouteSubset, ValueMatch } from './routing/route.js';
export type {
  Cors,
  HeaderEdits,
  Redirect,
  RouteAffinity,
  RouteFallback,
  RouteKey,
  RouteRateLimit,
  RouteResponse,
  RouteRetries,
  RouteRewrite,
  RouteTimeouts,
} from './routing/route-parts.js';
export { type Clock, systemClock, type Timer } from './runtime/clock.js';
export { type RoutingKey, withRoutingKey } from './runtime/context.js';
export { FairleadError, type FairleadErrorCode } from './runtime/errors.js';
export { classifyError, Outcome } from './runtime/outcome.js';
export { type Random, systemRandom } from './runtime/random.js';
export { type CloseOnSignalsOptions, closeOnSignals } from './service/close-on-signals.js';
export type { BreakerEvent, EndpointsEvent, Service, ServiceEvents } from './service/contract.js';
export {
  type ByHandOptions,
  type EndpointControl,
  type EndpointHold,
  endpointControl,
} from './service/endpoint-control.js';
export type { Candidate, Exclusion, Explanation } from './service/explanation.js';
export type { MeshOptions } from './service/mesh-options.js';
export type { AffinityOptions, ServiceOptions } from './service/options.js';
export type { CloseOptions } from './service/shutdown.js';
export type { Subset, SubsetOptions } from './service/subset.js';
export type { CallMessage, EndpointMessage } from './telemetry/channels.js';
export type { Flight, FlightEndpoint, FlightLog } from './telemetry/flight.js';
export type { NewsMessage } from './telemetry/news.js';
export { type EndpointStats, type ServiceStats, serviceStats } from './telemetry/stats.js';
