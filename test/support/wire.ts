import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { until } from './until.js';

/** HTTP requests of this process that have not ended, by the host they went to. */
const open = new Map<string, Set<ClientRequest>>();

subscribe('http.client.request.start', (message) => {
  const { request } = message as { request: ClientRequest };
  const host = String(request.getHeader('host'));
  const requests = open.get(host) ?? new Set();
  open.set(host, requests.add(request));
  request.once('close', () => requests.delete(request));
});

/** Turns of the event loop without anything on the wire, until what follows of it has been done. */
const QUIET_TURNS = 4;

/**
 * Until nothing is on the wire to the server at `address`, and what was answered has been acted on:
 * however busy the machine is. `held` counts the requests that the server leaves unanswered.
 */
export async function quietWire(address: string, held: () => number = () => 0): Promise<void> {
  let turns = 0;
  const isQuiet = (): boolean => {
    turns = (open.get(address)?.size ?? 0) === held() ? turns + 1 : 0;
    return turns > QUIET_TURNS;
  };
  await until(isQuiet, `a quiet wire to ${address}`, 20_000);
}
