import { WireReader, WireType, WireWriter } from '../runtime/wire.js';

/**
 * What a gRPC server says of a service, by the names of
 * grpc.health.v1.HealthCheckResponse.ServingStatus; UNIMPLEMENTED where it has no health service.
 */
export type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'UNKNOWN' | 'SERVICE_UNKNOWN' | 'UNIMPLEMENTED';

/** By number in the protocol. */
const STATUSES: readonly ServingStatus[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** `HealthCheckRequest { string service = 1 }`. */
export function encodeHealthRequest(service: string): Buffer {
  const message = new WireWriter();
  if (service !== '') message.bytes(1, service);
  return message.finish();
}

/**
 * The status in `HealthCheckResponse { ServingStatus status = 1 }`; undefined for a number without
 * a name, and for what is not such a message.
 */
export function decodeHealthStatus(response: Uint8Array): ServingStatus | undefined {
  let status = 0;
  try {
    const reader = new WireReader(response);
    while (reader.next()) if (reader.field === 1 && reader.type === WireType.Varint) status = reader.varint();
  } catch {
    return undefined;
  }
  return STATUSES[status];
}
