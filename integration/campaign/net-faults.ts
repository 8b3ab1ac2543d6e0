import { setTimeout as sleep } from 'node:timers/promises';
import type { Relay } from '../harness/index.js';
import type { Fault, FaultKind } from './part.js';

/** What networks do to the connections of a server; each server has a relay before it. */
export function netFaults(servers: number): FaultKind[] {
  const net = (kind: string, lastsMs: readonly [number, number], weight = 1): FaultKind => {
    return { kind, targets: servers, lastsMs, weight, group: 'net' };
  };
  return [
    net('net-cut', [20, 3_000]),
    net('net-hold', [50, 3_000]),
    net('net-swallow', [100, 3_000]),
    net('net-half-open', [100, 3_000]),
    net('net-delay', [200, 3_000]),
    net('net-crumble', [200, 2_000], 0.5),
    net('net-reset', [1, 5]),
    net('net-corrupt-answers', [1, 20], 0.5),
    net('net-corrupt-requests', [1, 20], 0.5),
  ];
}

/** What is there is forgotten, without a word; for clients whose every wait has an end. */
export function forgetful(servers: number): FaultKind {
  return { kind: 'net-forget', targets: servers, lastsMs: [1, 5], weight: 3, group: 'net' };
}

/** Undefined: not a fault of the network. */
export async function beginNetFault(fault: Fault, relay: Relay): Promise<(() => Promise<void>) | undefined> {
  const pass = (): Promise<void> => relay.pass();
  switch (fault.kind) {
    case 'net-cut':
      await relay.cut();
      return pass;
    case 'net-hold':
      relay.hold();
      return pass;
    case 'net-swallow':
      relay.swallow();
      return pass;
    case 'net-half-open':
      relay.swallowAnswers();
      return pass;
    case 'net-delay':
      relay.delay(20 + (fault.atMs % 400));
      return pass;
    case 'net-crumble':
      relay.crumble();
      return pass;
    case 'net-reset':
      relay.reset();
      return async () => {};
    case 'net-forget':
      relay.forget();
      return async () => {};
    case 'net-corrupt-answers':
      relay.corrupt('server');
      return () => corrupted(relay);
    case 'net-corrupt-requests':
      relay.corrupt('client');
      return () => corrupted(relay);
    default:
      return undefined;
  }
}

/** How long a connection may lie idle until it is left alone; ms. */
const IDLE_MS = 1_000;

/** The fault is over with the last connection: one that lies idle would feel it at any time. */
async function corrupted(relay: Relay): Promise<void> {
  for (let waitedMs = 0; relay.spared > 0 && waitedMs < IDLE_MS; waitedMs += 20) await sleep(20);
  relay.spare();
}
