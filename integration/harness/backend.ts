import { containerEngine } from './container/engine.js';
import { canFetch } from './native/fetch.js';

/**
 * Where servers come from: containers of an engine that really runs, or packages of this Debian run
 * as plain processes.
 */
export type Backend = { readonly kind: 'container'; readonly engine: string } | { readonly kind: 'native' };

let chosen: Backend | undefined;

/** Thrown where this machine offers neither way. */
export class NoServersHere extends Error {
  override readonly name = 'NoServersHere';
}

/**
 * Chooses once per test run and says which it was. `FAIRLEAD_SERVERS=native` or `=container`
 * overrules; it is also how the choice reaches the worker processes of the test runner.
 */
export function chooseBackend(): Backend {
  if (chosen) return chosen;
  const told = process.env.FAIRLEAD_SERVERS;
  const engine = told === 'native' ? undefined : containerEngine();
  if (engine !== undefined) chosen = { kind: 'container', engine };
  else if (told !== 'container' && canFetch()) chosen = { kind: 'native' };
  else
    throw new NoServersHere(
      'no container engine runs here and this is no Debian: servers for the integration tests cannot be had',
    );
  if (!process.env.FAIRLEAD_SERVERS_SAID) {
    process.env.FAIRLEAD_SERVERS_SAID = 'yes';
    process.stderr.write(
      `test servers: ${engine ? `containers of ${engine}` : 'native processes, from Debian packages'}\n`,
    );
  }
  process.env.FAIRLEAD_SERVERS = chosen.kind;
  return chosen;
}

/** Whether servers can be had here at all. */
export function serversCanBeHad(): boolean {
  return canFetch() || containerEngine() !== undefined;
}

/**
 * For servers that only the native way offers, such as a Consul cluster on loopback addresses of
 * its own.
 */
export function requireNative(what: string): void {
  if (!canFetch()) throw new NoServersHere(`${what} needs Debian packages, and this machine is no Debian`);
}
