export { type Random, seededRandom } from '../runtime/random.js';
export { type PolicyCheck, type PolicyTraits, policyChecks } from './conformance/policy-checks.js';
export {
  type ListedInstance,
  type RegistrarCheck,
  type RegistrarStage,
  type RegistrarTraits,
  registrarChecks,
} from './conformance/registrar-checks.js';
export {
  type ResolverCheck,
  type ResolverTraits,
  resolverChecks,
} from './conformance/resolver-checks.js';
export type { ResolverStage, StagedInstance } from './conformance/resolver-stage.js';
export { fakeEndpoints } from './fake-endpoints.js';
export { ManualClock } from './manual-clock.js';
export {
  type ScriptedResolver,
  type ScriptedResolverOptions,
  type ScriptStep,
  scriptedResolver,
} from './scripted-resolver.js';
export {
  type Arrivals,
  type ClosedLoop,
  closedLoop,
  constantRate,
  type OpenLoop,
  poisson,
  varyingPoisson,
} from './simulation/arrivals.js';
export type { CallBehaviour, FailedAttempt } from './simulation/calls.js';
export { constant, type Distribution, exponential, lognormal, normal, uniform } from './simulation/distributions.js';
export type { FailFault, Fault, KillFault, SlowFault, StallFault, UnlistFault } from './simulation/faults.js';
export { type FlightReplay, type ReplayOptions, replayFlight } from './simulation/replay.js';
export type { EjectionRecord, ServerReport, SimulationReport } from './simulation/report.js';
export { type SimulatedServer, servers } from './simulation/server.js';
export { simulate } from './simulation/simulate.js';
export type { Simulation } from './simulation/simulation.js';
