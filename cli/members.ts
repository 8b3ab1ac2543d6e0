import { createMesh, type Endpoint, type Mesh } from '../src/index.js';
import { type Io, UsageError } from './command.js';
import { readDocument, readers } from './document.js';

/** A mesh by the resolver and the services of a configuration, and the names of those. */
export async function meshOf(config: string, io: Io): Promise<{ readonly mesh: Mesh; readonly named: string[] }> {
  const { resolved } = await readDocument(config, io.env);
  const resolver = await readers().makeResolver(resolved.resolver);
  if (resolver === undefined) throw new UsageError(`${config} names no resolver.`);
  const { defaults, services } = resolved;
  const mesh = createMesh({ resolver, ...(defaults && { defaults }), ...(services && { services }) });
  return { mesh, named: Object.keys(services ?? {}) };
}

const PATIENCE_MS = 10_000;

/** What its resolver lists now. */
export async function endpointsOf(config: string, service: string, io: Io): Promise<readonly Endpoint[]> {
  const { mesh } = await meshOf(config, io);
  try {
    await mesh.service(service).ready(AbortSignal.any([io.signal, timeout(mesh)]));
    return [...mesh.service(service).endpoints];
  } catch (thrown) {
    if (mesh.service(service).endpoints.length > 0) return [...mesh.service(service).endpoints];
    throw thrown;
  } finally {
    await mesh.close({ deadlineMs: 0 });
  }
}

function timeout(mesh: Mesh): AbortSignal {
  const abort = new AbortController();
  mesh.clock.awaited(PATIENCE_MS, () => abort.abort(new UsageError('Its resolver lists nothing within 10 s.')));
  return abort.signal;
}
