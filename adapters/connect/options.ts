import type { DescMethod } from '@bufbuild/protobuf';
import { type Authority, optionReaders, readAuthority, token } from '../../src/adapter.js';
import { addressOf, type EndpointSpec, FairleadError, type Outcome } from '../../src/index.js';
import { type EndpointTransportOptions, readEndpointTransport } from './endpoint-transport.js';
import type { ConnectStatus } from './outcome.js';

/** Whether a call of this method may be made twice. */
export type IdempotentMethod = (method: DescMethod) => boolean;

export interface FairleadTransportOptions {
  /** The service of the mesh to call. */
  readonly service: string;
  /** What the servers speak. Default: `grpc`. */
  readonly protocol?: 'grpc' | 'connect';
  /** The URL of an endpoint, without a path or with one. Default: `http://host:port`. */
  readonly baseUrl?: (endpoint: EndpointSpec) => string;
  /**
   * The name of a server where it is not its address: the `:authority` of calls, and what TLS
   * expects in its certificate. One for all, `{ meta: key }` or a function of the endpoint for
   * servers with certificates of their own. Default: the host in the URL.
   */
  readonly authority?: Authority;
  /** The header whose value is the routing key of the call. Default: none. */
  readonly keyHeader?: string;
  /**
   * Methods that may be repeated after they failed half-way, and hedged, beside those whose
   * `idempotency_level` says so. Default: none. What the service's `resilience.idempotent` says
   * holds for all.
   */
  readonly idempotent?: IdempotentMethod;
  /**
   * Milliseconds for calls that say none themselves, all attempts included. Default: the service's
   * `deadlineMs`; 1 to 9,007,199,254,740,991.
   */
  readonly defaultTimeoutMs?: number;
  /** Another judgement of an error than by its code; undefined leaves it to `outcomeOf`. */
  readonly classify?: (error: ConnectStatus) => Outcome | undefined;
  /**
   * For the transports to the endpoints: interceptors (they run once per attempt), compression,
   * formats, size limits (bytes), `pingIntervalMs` and its like, and `nodeOptions` (certificates);
   * `useHttpGet` with the protocol `connect` alone. Default: connect-node's. A name or a value that
   * connect-node has no use for is refused.
   */
  readonly transport?: EndpointTransportOptions;
}

export interface TransportSettings {
  readonly service: string;
  readonly protocol: 'grpc' | 'connect';
  readonly baseUrl: (endpoint: EndpointSpec) => string;
  readonly authority: Authority | undefined;
  readonly keyHeader: string | undefined;
  readonly idempotent: IdempotentMethod | undefined;
  readonly defaultTimeoutMs: number | undefined;
  readonly classify: ((error: ConnectStatus) => Outcome | undefined) | undefined;
  readonly transport: EndpointTransportOptions;
}

const { callback, invalidOption, number, oneOf, optional, readOptions } = optionReaders;

/**
 * Decided here, per endpoint or per call; given to every endpoint's transport they would do
 * something else.
 */
const OURS = ['baseUrl', 'sessionManager', 'httpVersion', 'defaultTimeoutMs'];

/** Throws FAIRLEAD_INVALID_OPTION. */
export function readTransportOptions(options: FairleadTransportOptions): TransportSettings {
  return readOptions<TransportSettings>('createFairleadTransport', options, {
    service: (value, name) => {
      if (typeof value === 'string' && value !== '') return value;
      throw invalidOption(name, value, 'the name of a service');
    },
    protocol: oneOf('grpc', 'grpc', 'connect'),
    baseUrl: (value, name) =>
      callback<(endpoint: EndpointSpec) => string>()(value, name) ?? ((spec) => `http://${addressOf(spec)}`),
    authority: readAuthority,
    keyHeader: optional(token),
    idempotent: callback<IdempotentMethod>(),
    defaultTimeoutMs: optional(number(0, 1, Number.MAX_SAFE_INTEGER)),
    classify: callback<(error: ConnectStatus) => Outcome | undefined>(),
    transport: (value, name) => {
      const ours = OURS.find((key) => typeof value === 'object' && value !== null && Object.hasOwn(value, key));
      if (ours === undefined) return readEndpointTransport(value, name, options.protocol);
      const message = `${name}.${ours} is not an option: fairlead sets it for each endpoint.`;
      throw new FairleadError('FAIRLEAD_INVALID_OPTION', message, { service: options.service });
    },
  });
}
