import type { Mesh } from 'fairlead';

/** A service that is called beside the gRPC servers: by HTTP, Redis or MySQL. */
export interface Neighbour {
  /** The service, and what it speaks: `catalog (HTTP)`. */
  readonly title: string;
  /** One piece of work. Rejects where it failed. */
  work(i: number): Promise<void>;
  /** One of its servers dies. Where that is not survived by design there is none. */
  readonly hurt?: () => void;
  stop(): Promise<void>;
  /** As `stop`, for a process that is about to exit itself. */
  stopNow(): void;
}

export interface NeighbourContext {
  readonly mesh: Mesh;
  /** `host:port` of the registry's HTTP API. */
  readonly registry: string;
}

/** There are no servers of it on this machine; the message says what was looked for. */
export class NotHere extends Error {}

/** Lists servers of a service, as their own programs would. */
export async function register(
  registry: string,
  service: string,
  ports: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [id, port] of Object.entries(ports)) {
    const response = await fetch(`http://${registry}/v1/agent/service/register`, {
      method: 'PUT',
      body: JSON.stringify({ ID: id, Name: service, Address: '127.0.0.1', Port: port }),
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) throw new Error(`${id} could not be registered: ${response.status}`);
  }
}
