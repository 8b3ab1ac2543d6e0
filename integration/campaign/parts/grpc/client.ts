import { setTimeout as sleep } from 'node:timers/promises';
import { createMesh, type ServiceOptions } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { etcdResolver } from 'fairlead/etcd';
import type { ClientContext, ClientPart, RunningClient } from '../../part.js';
import { FollowedConfig } from '../../registry/follow-config.js';
import type { RegistryAddress } from '../../registry.js';
import { ConnectCaller } from './connect-caller.js';
import { GrpcCaller } from './grpc-caller.js';
import { Operations } from './operations.js';
import { NAME } from './world.js';

interface GrpcPlan {
  /** `plain` is never drawn: grpc-js by itself, to compare with. */
  readonly client: 'grpc' | 'connect' | 'plain';
  /** The service goes by documents, and not by what follows. */
  readonly config?: boolean;
  readonly policy: string;
  readonly affinity: boolean;
  readonly limits?: object;
  readonly aperture?: number;
}

export const client: ClientPart = {
  async start(context: ClientContext): Promise<RunningClient> {
    const { history } = context;
    const { client: library, config, policy, affinity, limits, aperture } = context.options as unknown as GrpcPlan;
    const { registry, ports } = context.world as { registry: RegistryAddress; ports: readonly number[] };
    const { kind, address } = registry;
    const service = {
      policy,
      ...(affinity && { affinity: { ttlMs: 60_000 } }),
      ...(aperture !== undefined && { aperture: { size: aperture } }),
      ...(limits && { resilience: { limits } }),
    } as ServiceOptions;
    const mesh = createMesh({
      resolver:
        kind === 'etcd'
          ? etcdResolver({ address, progressMs: 500, requestTimeoutMs: 1_500 })
          : consulResolver({ address, env: {} }),
      ...(config !== true && { services: { [NAME]: service } }),
    });
    const followed = config === true ? await FollowedConfig.start(mesh, registry, NAME, history) : undefined;
    const echo = mesh.service(NAME);
    echo.on('error', () => {});
    echo.on('ejected', ({ endpoint, signal }) => history.invoke(0, 'ejected', endpoint.spec.id, signal).ok());
    const caller =
      library === 'connect'
        ? new ConnectCaller(mesh)
        : library === 'grpc'
          ? GrpcCaller.over(mesh, history)
          : GrpcCaller.plain(ports, history);
    await echo.ready();
    const operations = new Operations(caller, context, affinity);
    const inflight = (): number => echo.endpoints.reduce((sum, endpoint) => sum + endpoint.inflight, 0);
    return {
      step: (worker, random) => operations.step(worker, random),
      async final() {
        // What was abandoned is over once its server has heard of it.
        for (let waitedMs = 0; inflight() > 0 && waitedMs < 5_000; waitedMs += 50) await sleep(50);
        if (inflight() > 0) {
          const left = echo.endpoints.map(({ spec, inflight: n }) => `${spec.id} ${n}`);
          history.complain('calls are counted in flight although none is', left);
        }
        await followed?.final();
        await operations.final();
      },
      async end() {
        await caller.close();
        await followed?.close();
        await mesh.close({ deadlineMs: 2_000 });
      },
    };
  },
};
