import type { AdminState } from '../adapters/admin/index.js';
import { createAdmin } from '../adapters/admin/index.js';
import { follow, statesOf } from './admin-client.js';
import { type CommandInput, Exit, given, type Io, isJson, type OptionSpec, UsageError } from './command.js';
import { meshOf } from './members.js';
import { clean, Screen } from './terminal.js';

export const LIVE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  admin: { type: 'string', value: 'URL', about: 'the page of the process to look into' },
  config: { type: 'string', value: 'FILE', about: 'or a configuration whose resolver is asked, from here' },
  once: { type: 'boolean', about: 'print it once and end' },
};

/**
 * Shows what a process, or a resolver, says at every update: of the services that are named, or of
 * all. A resolver has no list of names, so all are those of the configuration.
 */
export async function live(
  input: CommandInput,
  io: Io,
  services: readonly string[],
  draw: (state: AdminState) => readonly string[],
  narrow: (state: AdminState) => unknown,
): Promise<number> {
  const [admin, config] = [given(input, 'admin'), given(input, 'config')];
  if (admin !== undefined) return show(input, io, { admin, services, draw, narrow });
  if (config === undefined)
    throw new UsageError('Of which process? Give the address of its page by --admin, or a --config.');
  const { mesh, named } = await meshOf(config, io);
  // mesh.close() closes it.
  const page = createAdmin(mesh);
  const shown = services.length === 0 ? named : services;
  if (shown.length === 0) throw new UsageError(`Which services? ${config} names none under services.`);
  for (const name of shown) mesh.service(name);
  try {
    await page.listen();
    if (input.values.once === true) {
      // A list that does not come is shown as what it is.
      const ended = new AbortController();
      const timer = mesh.clock.awaited(5_000, () => ended.abort());
      await Promise.allSettled(
        shown.map((name) => mesh.service(name).ready(AbortSignal.any([io.signal, ended.signal]))),
      );
      timer.cancel();
    }
    return await show(input, io, { admin: page.address!, services, draw, narrow });
  } finally {
    await mesh.close({ deadlineMs: 0 });
  }
}

interface Shown {
  readonly admin: string;
  readonly services: readonly string[];
  draw(state: AdminState): readonly string[];
  narrow(state: AdminState): unknown;
}

async function show(input: CommandInput, io: Io, { admin, services, draw, narrow }: Shown): Promise<number> {
  const print = (state: AdminState): void => io.out(`${JSON.stringify(narrow(state))}\n`);
  if (input.values.once === true) {
    const state = await statesOf(admin, io);
    // It may come later: what is shown live waits for it.
    const missing = services.find((name) => !Object.hasOwn(state.services, name));
    if (missing !== undefined) throw new UsageError(noService(state, missing));
    if (isJson(input)) print(state);
    else io.out(`${draw(state).join('\n')}\n`);
    return Exit.ok;
  }
  const screen = new Screen(io);
  try {
    for await (const state of follow(admin, io)) {
      if (isJson(input)) print(state);
      else screen.show(draw(state));
    }
  } finally {
    screen.close();
  }
  if (io.signal.aborted) return Exit.ok;
  io.err(`${admin} ended.\n`);
  return Exit.unreachable;
}

export function noService({ services }: AdminState, name: string): string {
  return `There is no service ${clean(name)}: there are ${Object.keys(services).map(clean).join(', ')}.`;
}
