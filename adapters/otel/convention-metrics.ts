import type { Attributes } from '@opentelemetry/api';
import type { MeshFigures, OperationHistogram } from '../../src/monitor/index.js';
import { MS_PER_S } from './boundaries.js';
import { type HistogramValue, histogram, type Metric, type Span, type Values } from './metric-data.js';

/** Of these the conventions advise: rpc.client.call.duration and http.client.request.duration. */
const REQUEST_BOUNDARIES_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const DB_BOUNDARIES_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

interface Convention {
  readonly name: string;
  readonly description: string;
  readonly boundariesS: number[];
  readonly systems: readonly OperationHistogram['system'][];
  attributes(service: string, operation: OperationHistogram): Attributes;
}

/**
 * The stable semantic conventions (1.45): the operations of callers, of which attempts are parts.
 * `server.address` is the service that was called.
 */
const CONVENTIONS: readonly Convention[] = [
  {
    name: 'rpc.client.call.duration',
    description: 'Measures the duration of outbound remote procedure calls (RPC).',
    boundariesS: REQUEST_BOUNDARIES_S,
    systems: ['grpc'],
    attributes: (service, { operation, status, failed }) => ({
      'rpc.system.name': 'grpc',
      'rpc.method': operation,
      'rpc.status_code': status,
      'server.address': service,
      ...(failed && { 'error.type': status }),
    }),
  },
  {
    name: 'http.client.request.duration',
    description: 'Duration of HTTP client requests.',
    boundariesS: REQUEST_BOUNDARIES_S,
    systems: ['http'],
    attributes: (service, { operation, status, failed }) => ({
      'http.request.method': operation,
      'server.address': service,
      ...(/^\d{3}$/.test(status) && { 'http.response.status_code': Number(status) }),
      ...(failed && { 'error.type': status }),
    }),
  },
  {
    name: 'db.client.operation.duration',
    description: 'Duration of database client operations.',
    boundariesS: DB_BOUNDARIES_S,
    systems: ['redis', 'mysql', 'mariadb'],
    attributes: (service, { system, operation, status, failed }) => ({
      'db.system.name': system,
      'db.operation.name': operation,
      'server.address': service,
      ...(failed && { 'error.type': status, 'db.response.status_code': status }),
    }),
  },
];

/** The operations of a mesh under the names of the conventions; those that there were. */
export function conventionMetrics(figures: MeshFigures, services: readonly string[], span: Span): Metric[] {
  const all = services.flatMap((service) => figures.operations(service).map((operation) => ({ service, operation })));
  return CONVENTIONS.flatMap(({ name, description, boundariesS, systems, attributes }) => {
    const values: Values<HistogramValue> = all
      .filter(({ operation }) => systems.includes(operation.system))
      .map(({ service, operation }) => {
        const upTo = operation.upTo(boundariesS.map((seconds) => seconds * MS_PER_S));
        const counts = upTo.map((count, i) => count - (upTo[i - 1] ?? 0));
        const value = {
          buckets: { boundaries: boundariesS, counts },
          sum: operation.sumMs / MS_PER_S,
          count: upTo.at(-1)!,
        };
        return [attributes(service, operation), value];
      });
    return values.length === 0 ? [] : [histogram({ name, description, unit: 's' }, span, values)];
  });
}
