import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Outcome } from '../runtime/outcome.js';
import type { OperationMeter, OperationSystem } from '../telemetry/operation-meter.js';
import type { ServiceMeter } from '../telemetry/service-meter.js';
import type { Service } from './contract.js';
import type { LiveService } from './service.js';

/** For adapters: what figures are to know beyond leases. Costs nothing while nobody reads them. */
export interface CallCounter {
  /** Whether somebody reads figures: where nobody does, there is nothing to be timed. */
  readonly on: boolean;
  /** Operations as callers see them, by name: for metrics under the names of conventions. */
  readonly operations: OperationMeter;
  /**
   * A call without a lease ended, of which there are too many for one each: it counts among those
   * of the service and of the endpoint. Health and policies do not hear of it. `micros` are whole
   * microseconds, -1 where it was not timed. Allocates nothing.
   */
  record(endpoint: Endpoint, outcome: Outcome, micros: number): void;
  /** Bytes of payload that went to an endpoint and came from it. */
  bytes(endpoint: Endpoint, sent: number, received: number): void;
  /** What would have been sent to it was refused, without a lease. */
  refused(endpoint: Endpoint): void;
}

/** Of a service of a mesh, and of what is called there; keep it. */
export function callCounter(service: Service, system: OperationSystem): CallCounter {
  return new ServiceCallCounter((service as LiveService).meter, system);
}

class ServiceCallCounter implements CallCounter {
  readonly #meter: ServiceMeter;
  readonly #system: OperationSystem;
  #operations: OperationMeter | undefined;

  constructor(meter: ServiceMeter, system: OperationSystem) {
    this.#meter = meter;
    this.#system = system;
  }

  get on(): boolean {
    return this.#meter.on;
  }

  get operations(): OperationMeter {
    this.#operations ??= this.#meter.operationsOf(this.#system);
    return this.#operations;
  }

  record(endpoint: Endpoint, outcome: Outcome, micros: number): void {
    this.#meter.record(endpoint as LiveEndpoint, outcome, micros);
  }

  bytes(endpoint: Endpoint, sent: number, received: number): void {
    this.#meter.bytes(endpoint as LiveEndpoint, sent, received);
  }

  refused(endpoint: Endpoint): void {
    this.#meter.refused(endpoint as LiveEndpoint);
  }
}
