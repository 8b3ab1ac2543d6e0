import { experimental } from '@grpc/grpc-js';
import { checkMesh } from '../../src/adapter.js';
import type { Explanation, Mesh } from '../../src/index.js';
import { authorityOf, ChannelBinding, type ChannelCommons } from './binding.js';
import { endAbandonedStreams } from './calls/abandoned-streams.js';
import { LiveAttempts } from './calls/live-attempts.js';
import { PendingAttempts } from './calls/pending-attempts.js';
import { GrpcCounts, type GrpcPart } from './common/method-counts.js';
import { ServiceConfigs } from './config/live-config.js';
import { DEFAULT_SCHEME, type GrpcOptions, type GrpcSettings, readGrpcOptions } from './config/options.js';
import { checkMethodPolicies } from './config/service-config.js';
import { shieldFromProxy } from './config/target.js';
import { Connectivity, type GrpcEvents } from './connections/reachability.js';
import { callExplainer, type ExplainedCall, ExplainingChannels, requestOf } from './explain.js';
import { FairleadConfig, FairleadLoadBalancer } from './load-balancer.js';
import { ServiceResolver } from './resolver.js';
import { isScheme, makeKnown, mayEndStreams, own, POLICY_NAME } from './schemes.js';

/**
 * The scheme in use. Disposing frees it for another mesh; channels that exist go on as they are.
 */
export interface GrpcRegistration extends Disposable {
  readonly scheme: string;
  /**
   * What a call of this service would meet now, and why: by the channel that was made first of
   * those at work, among the endpoints that it is connected to (others are left out as `subset`);
   * where there is none, among all of the service.
   */
  explain(service: string, call?: ExplainedCall): Explanation;
  /**
   * Returns a function that stops listening. What a listener throws is reported as a warning and
   * stops nothing.
   */
  on<Name extends keyof GrpcEvents & string>(name: Name, listener: (...args: GrpcEvents[Name]) => void): () => void;
  close(): void;
}

/**
 * Makes `fairlead:///service` a target of every grpc-js client in the process: calls go to the
 * endpoints that the mesh finds, balanced call by call, by the policy and the health of the
 * service.
 *
 * ```ts
 * registerGrpc(mesh);
 * const users = new UsersClient('fairlead:///users?policy=peak_ewma', credentials.createInsecure());
 * ```
 *
 * Throws FAIRLEAD_INVALID_OPTION, and FAIRLEAD_CONFLICT where another mesh has the scheme. A target
 * that is wrong makes the constructor of the client throw.
 */
export function registerGrpc(mesh: Mesh, options?: GrpcOptions): GrpcRegistration {
  checkMesh('registerGrpc', mesh);
  const read = readGrpcOptions(options);
  const { scheme } = read;
  checkPolicies(mesh, read);
  const configs =
    read.serviceConfigSource === undefined ? undefined : new ServiceConfigs(mesh.closing, mesh.policies, read, mesh);
  const channels = new ExplainingChannels();
  const attempts = new LiveAttempts();
  const counts = new GrpcCounts();
  const connectivity = new Connectivity();
  const pending = new PendingAttempts(mesh.clock);
  const commons: ChannelCommons = { channels, attempts, pending, counts, connectivity };
  const free = own(scheme, {
    resolver: (uri, listener, channelOptions) =>
      new ServiceResolver(new ChannelBinding(mesh, read, configs, uri, channelOptions, commons), listener),
    authority: (uri) => {
      const authority = authorityOf(read, uri);
      shieldFromProxy(uri);
      return authority;
    },
  });
  if (mayEndStreams()) endAbandonedStreams((target) => isScheme(target.slice(0, target.indexOf(':'))));
  const close = (): void => {
    unregister();
    free();
  };
  // A closed mesh frees its scheme for the next one.
  const explain = (service: string, call: ExplainedCall = {}): Explanation =>
    channels.explain(service, call) ?? mesh.service(service).explain(requestOf(call, read, service));
  const part: GrpcPart = {
    kind: 'grpc',
    name: scheme,
    counts,
    unreachable: (service) => connectivity.of(service).unreachable,
    explains: callExplainer(mesh, explain),
    close: () => {
      close();
      attempts.breakOff();
    },
  };
  let unregister: () => void;
  try {
    unregister = mesh.register(part);
  } catch (thrown) {
    // A mesh that is closed has no use for it.
    free();
    throw thrown;
  }
  const on: GrpcRegistration['on'] = (name, listener) => connectivity.events.on(name, listener);
  return { scheme, explain, on, close, [Symbol.dispose]: close };
}

/** A policy that does not exist must not wait for the first channel that wants it. */
function checkPolicies(mesh: Mesh, { services, defaults }: GrpcSettings): void {
  for (const [name, { target, serviceConfig }] of [...Object.entries(services), ['', defaults] as const]) {
    const at = name === '' ? 'registerGrpc.defaults' : `registerGrpc.services.${name}`;
    if (target.policy !== undefined) mesh.policies.resolve(target.policy, `${at}.policy`);
    checkMethodPolicies(serviceConfig, mesh.policies, `${at}.serviceConfig`);
  }
}

// So that a client made before `registerGrpc` learns of it: grpc-js would take its target for a
// name of DNS. Other schemes are not known before.
makeKnown(DEFAULT_SCHEME);
experimental.registerLoadBalancerType(POLICY_NAME, FairleadLoadBalancer, FairleadConfig);
