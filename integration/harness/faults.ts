import type { Relay } from './relay.js';
import type { Server } from './server.js';

/** What may happen to a registry, or to the way to it. */
export type Fault = 'kill' | 'pause' | 'cut' | 'hold' | 'swallow' | 'corrupt';

/** Those that leave the registry itself alone. */
export const ON_THE_WAY: readonly Fault[] = ['cut', 'hold', 'swallow', 'corrupt'];

export async function inflict(fault: Fault, server: Server, relay: Relay): Promise<void> {
  if (fault === 'kill' || fault === 'pause') await server[fault]();
  else if (fault === 'corrupt') relay.corrupt('server');
  else await relay[fault]();
}

export async function heal(fault: Fault, server: Server, relay: Relay): Promise<void> {
  if (fault === 'kill') await server.restart();
  else if (fault === 'pause') await server.resume();
  else await relay.pass();
}
