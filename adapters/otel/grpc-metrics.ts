import type { Counter, UpDownCounter } from '@opentelemetry/api';
import type { EjectionEvent } from '../../src/index.js';
import type { GrpcConnectionMessage } from '../grpc/messages.js';
import type { SyncMeter } from './own-meter.js';

/**
 * Endpoints and connections of gRPC channels: outlier detection of gRFC A91, subchannels of A94.
 */
export class GrpcMetrics {
  readonly #enforced: Counter;
  readonly #unenforced: Counter;
  readonly #succeeded: Counter;
  readonly #failed: Counter;
  readonly #disconnections: Counter;
  readonly #open: UpDownCounter;
  /**
   * The targets of each service that gRPC channels were seen to use: ejections of others are none
   * of gRPC's.
   */
  readonly #targets = new Map<string, Set<string>>();

  constructor(meter: SyncMeter) {
    this.#enforced = meter.createCounter('grpc.lb.outlier_detection.ejections_enforced', {
      description: 'Enforced outlier ejections by ejection reason',
      unit: '{ejection}',
    });
    this.#unenforced = meter.createCounter('grpc.lb.outlier_detection.ejections_unenforced', {
      description: 'Unenforced outlier ejections due to either max ejection percentage or enforcement_percentage',
      unit: '{ejection}',
    });
    this.#succeeded = meter.createCounter('grpc.subchannel.connection_attempts_succeeded', {
      description: 'Number of successful connection attempts.',
      unit: '{attempt}',
    });
    this.#failed = meter.createCounter('grpc.subchannel.connection_attempts_failed', {
      description: 'Number of failed connection attempts.',
      unit: '{attempt}',
    });
    this.#disconnections = meter.createCounter('grpc.subchannel.disconnections', {
      description: 'Number of times the selected subchannel becomes disconnected.',
      unit: '{disconnection}',
    });
    this.#open = meter.createUpDownCounter('grpc.subchannel.open_connections', {
      description: 'Number of open connections.',
      unit: '{connection}',
    });
  }

  /** A channel to this target was seen. */
  know(service: string, target: string): void {
    const targets = this.#targets.get(service);
    if (targets === undefined) this.#targets.set(service, new Set([target]));
    else targets.add(target);
  }

  connection({ service, target, what }: GrpcConnectionMessage): void {
    this.know(service, target);
    const labels = { 'grpc.target': target };
    if (what === 'failed') {
      this.#failed.add(1, labels);
      return;
    }
    if (what === 'connected') {
      this.#succeeded.add(1, labels);
      this.#open.add(1, labels);
      return;
    }
    this.#disconnections.add(1, { ...labels, ...(what === 'closed' ? { 'grpc.disconnect_error': SHUTDOWN } : {}) });
    this.#open.add(-1, labels);
  }

  ejected(service: string, { signal, enforced, refusedBy }: EjectionEvent): void {
    for (const target of this.#targets.get(service) ?? []) {
      const labels = { 'grpc.target': target, 'grpc.lb.outlier_detection.detection_method': signal };
      if (enforced) this.#enforced.add(1, labels);
      else {
        const reason = refusedBy === 'cap' ? 'max_ejection_overflow' : 'enforcement_percentage';
        this.#unenforced.add(1, { ...labels, 'grpc.lb.outlier_detection.unenforced_reason': reason });
      }
    }
  }
}

/**
 * The only reason for a disconnection that is known here for certain. From the list of gRFC A94.
 */
const SHUTDOWN = 'subchannel shutdown';
