import type { Kind } from '../runtime/named.js';
import type { ActiveCheck } from './active-check.js';
import { type ConnectFailuresOptions, connectFailures, readConnectFailures } from './connect-failures.js';
import {
  type ConsecutiveFailuresOptions,
  consecutiveFailures,
  readConsecutiveFailures,
} from './consecutive-failures.js';
import { type FailurePercentageOptions, failurePercentage, readFailurePercentage } from './failure-percentage.js';
import { type GrpcCheckOptions, grpcCheck, readGrpcCheck } from './grpc-check.js';
import type { HealthSignal } from './health.js';
import { type HttpCheckOptions, httpCheck, readHttpCheck } from './http-check.js';
import { type LatencyOutliersOptions, latencyOutliers, readLatencyOutliers } from './latency-outliers.js';
import { type OutlierDetectionOptions, outlierDetection, readOutlierDetection } from './outlier-detection.js';
import { readSuccessRate, type SuccessRateOptions, successRate } from './success-rate.js';
import { readTcpCheck, type TcpCheckOptions, tcpCheck } from './tcp-check.js';

/** What each health signal takes, by the name that options and configuration use. */
export interface SignalOptions {
  consecutive_failures: ConsecutiveFailuresOptions;
  connect_failures: ConnectFailuresOptions;
  success_rate: SuccessRateOptions;
  failure_percentage: FailurePercentageOptions;
  latency_outliers: LatencyOutliersOptions;
  /** Several of them at once. */
  outlier_detection: OutlierDetectionOptions;
}

/** The same for active checks. */
export interface CheckOptions {
  http: HttpCheckOptions;
  tcp: TcpCheckOptions;
  grpc: GrpcCheckOptions;
}

/** `{ name: options }`, or the name alone for the defaults. */
type Spec<Options> =
  | keyof Options
  | { [Name in keyof Options]: { readonly [Key in Name]: Options[Name] } }[keyof Options];

export type SignalSpec = HealthSignal | Spec<SignalOptions>;
export type CheckSpec = ActiveCheck | Spec<CheckOptions>;

export const signalKinds: Readonly<Record<keyof SignalOptions, Kind<readonly HealthSignal[]>>> = {
  consecutive_failures: { options: readConsecutiveFailures, make: (given) => [consecutiveFailures(given)] },
  connect_failures: { options: readConnectFailures, make: (given) => [connectFailures(given)] },
  success_rate: { options: readSuccessRate, make: (given) => [successRate(given)] },
  failure_percentage: { options: readFailurePercentage, make: (given) => [failurePercentage(given)] },
  latency_outliers: { options: readLatencyOutliers, make: (given) => [latencyOutliers(given)] },
  outlier_detection: { options: readOutlierDetection, make: outlierDetection },
};

export const checkKinds: Readonly<Record<keyof CheckOptions, Kind<ActiveCheck>>> = {
  http: { options: readHttpCheck, make: httpCheck },
  tcp: { options: readTcpCheck, make: tcpCheck },
  grpc: { options: readGrpcCheck, make: grpcCheck },
};
