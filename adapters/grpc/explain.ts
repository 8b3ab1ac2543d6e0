import { Metadata } from '@grpc/grpc-js';
import { optionReaders, type PartExplainer } from '../../src/adapter.js';
import type { AcquireRequest, Explanation, Mesh, Service } from '../../src/index.js';
import { labelOf } from './calls/call.js';
import { preferredOf, routingKeyOf } from './calls/routing-key.js';
import type { MethodPolicy } from './config/method-configs.js';
import type { GrpcSettings } from './config/options.js';

/** A call to be explained. */
export interface ExplainedCall {
  /** The method's path, `/users.v1.Users/Get`: a method may have a policy of its own. */
  readonly method?: string;
  /** Where its key, its lane and what a split looks at are read. Default: empty. */
  readonly metadata?: Metadata;
}

/** What a connected channel picks from. */
export interface ExplainingChannel {
  readonly service: Service;
  /** The header whose value is the key. */
  readonly keyHeader: string | undefined;
  policyOf(method: string): MethodPolicy | undefined;
  explain(policy: MethodPolicy | undefined, request: AcquireRequest): Explanation;
}

/** The channels with load balancers at work, by the service that they call. */
export class ExplainingChannels {
  readonly #channels = new Set<ExplainingChannel>();

  add(channel: ExplainingChannel): void {
    this.#channels.add(channel);
  }

  delete(channel: ExplainingChannel): void {
    this.#channels.delete(channel);
  }

  /** By the channel that was made first; undefined where there is none of this service. */
  explain(service: string, { method = '', metadata = new Metadata() }: ExplainedCall): Explanation | undefined {
    for (const channel of this.#channels) {
      if (channel.service.name !== service) continue;
      return channel.explain(channel.policyOf(method), readRequest(metadata, channel.keyHeader));
    }
    return undefined;
  }
}

/** Of a call that no channel was made for yet, by what the registration says of its service. */
export function requestOf(
  { metadata = new Metadata() }: ExplainedCall,
  { services, defaults }: GrpcSettings,
  service: string,
): AcquireRequest {
  const own = Object.hasOwn(services, service) ? services[service] : undefined;
  const { keyHeader } = { ...defaults.target, ...own?.target };
  return readRequest(metadata, keyHeader);
}

function readRequest(metadata: Metadata, keyHeader: string | undefined): AcquireRequest {
  return {
    key: routingKeyOf(metadata, keyHeader),
    prefer: preferredOf(metadata),
    labels: (name) => labelOf(metadata, name),
  };
}

/** For forms: the same of a call that somebody typed. A service that was not made is not made. */
export function callExplainer(
  mesh: Mesh,
  explain: (service: string, call: ExplainedCall) => Explanation,
): PartExplainer {
  return {
    fields: ['service', 'method'],
    takesHeaders: true,
    explain: ({ values: { service = '', method }, headers }) => {
      if (!mesh.services.has(service)) throw optionReaders.invalidOption('service', service, 'a service of this mesh');
      const explanation = explain(service, { ...(method && { method }), metadata: metadataOf(headers) });
      return { service, explanation };
    },
  };
}

function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    try {
      metadata.set(name, value);
    } catch {
      throw optionReaders.invalidOption('headers', name, 'names and values that gRPC metadata may have');
    }
  }
  return metadata;
}
