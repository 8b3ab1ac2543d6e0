/**
 * `fairlead/adapter`: what an adapter needs beyond `fairlead`: readers of options, load reports,
 * the routing key of the context, and the helpers that all adapters share. For authors of adapters;
 * everybody else finds all in `fairlead`.
 */
export { type KeySettings, SignedText, tokenKey, tokenKeys } from './affinity/signed-text.js';
export { compact, storeKey } from './affinity/store-key.js';
export { type LoadReport, type LoadReportOptions, reportLoad, restartLoadReports } from './balancing/load-reports.js';
export type { Weighing } from './balancing/policy.js';
export { PolicyRegistry } from './balancing/registry.js';
export { type Authority, ownName, readAuthority } from './endpoint/authority.js';
export { decodeHealthStatus, encodeHealthRequest } from './health/grpc-health-messages.js';
export { type Repeat, repeatAfter } from './resilience/verdict.js';
export type { RoutedRequest } from './routing/conditions.js';
export { normalHost } from './routing/host-name.js';
export { type Matched, RouteTable } from './routing/match.js';
export { type RouteSettings, readRoutes } from './routing/read-routes.js';
export { rewritePath } from './routing/rewrite.js';
export { isOf } from './routing/subset.js';
export { readTarget, type Target } from './routing/target.js';
export { forgetAbort, whenAborted } from './runtime/abort-audience.js';
export { Backoff, type BackoffOptions } from './runtime/backoff.js';
export { BoundedMap } from './runtime/bounded-map.js';
export { CallerContext, inCallerContext } from './runtime/caller-context.js';
export { judgeAfter, MAX_TIMER_MS, sleep, withTimeout } from './runtime/clock.js';
export { currentRoutingKey } from './runtime/context.js';
export { Durations } from './runtime/durations.js';
export { type EventFollower, type EventNames, SafeEmitter } from './runtime/emitter.js';
export { brandErrors } from './runtime/errors.js';
export { holdProcess } from './runtime/hold-process.js';
export { TOKEN, token } from './runtime/http-fields.js';
export { parseIp } from './runtime/ip-address.js';
export * as optionReaders from './runtime/options.js';
export {
  isAnswer,
  isFailure,
  type OutcomeName,
  outcomeName,
} from './runtime/outcome.js';
export { parseJson } from './runtime/parse-text.js';
export { resetSocket } from './runtime/reset-socket.js';
export { checkSecureContext } from './runtime/secure-context.js';
export { Semaphore } from './runtime/semaphore.js';
export { tlsClient, tlsServer, tlsSwitch } from './runtime/tls-options.js';
export { runUntraced, setUntraced } from './runtime/untraced.js';
export { WireReader, WireType, WireWriter } from './runtime/wire.js';
export { type Resolvers, withResolvers } from './runtime/with-resolvers.js';
export { type CallCounter, callCounter } from './service/call-counter.js';
export { type CallPlanning, callPlanning } from './service/call-planning.js';
export { type CallRoute, routeOf } from './service/call-route.js';
export { checkMesh } from './service/check-mesh.js';
export { Connecting, type ConnectingContext } from './service/connecting.js';
export { followEvents, unfollowEvents } from './service/event-followers.js';
export type { MeshPart, PartExplainer, PartQuestion, Unreachable } from './service/mesh-part.js';
export { isUnlisted } from './service/readiness.js';
export { callAbout } from './telemetry/call-about.js';
export { followNews, publishNews } from './telemetry/news.js';
export type { OperationMeter, OperationSeries } from './telemetry/operation-meter.js';
export {
  type BatchAbout,
  type CallAbout,
  type HeaderSetter,
  type TracedAttempt,
  type TracedCall,
  type Tracer,
  tracerOf,
  traceService,
} from './telemetry/tracing.js';
