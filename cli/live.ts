import type { AdminState } from '../adapters/admin/index.js';
import { createAdmin } from '../adapters/admin/index.js';
import { follow, statesOf } from './admin-client.js';
import { type CommandInput, Exit, given, type Io, isJson, type OptionSpec, UsageError } from './command.js';
import { meshOf } from './members.js';
import { Screen } from './terminal.js';

export const LIVE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  admin: { type: 'string', value: 'URL', about: 'the page of the process to look into' },
  config: { type: 'string', value: 'FILE', about: 'or a configuration whose resolver is asked, from here' },
  once: { type: 'boolean', about: 'print it once and end' },
};

/** Shows what a process, or a resolver, says at every update. */
export async function live(
  input: CommandInput,
  io: Io,
  services: readonly string[],
  draw: (state: AdminState) => readonly string[],
  narrow: (state: AdminState) => unknown,
): Promise<number> {
  const [admin, config] = [given(input, 'admin'), given(input, 'config')];
  if (admin !== undefined) return show(input, io, admin, draw, narrow);
  if (config === undefined)
    throw new UsageError('Of which process? Give the address of its page by --admin, or a --config.');
  const mesh = await meshOf(config, io);
  // mesh.close() closes it.
  const page = createAdmin(mesh);
  for (const name of services) mesh.service(name);
  try {
    await page.listen();
    if (input.values.once === true) {
      // A list that does not come is shown as what it is.
      const ended = new AbortController();
      const timer = mesh.clock.awaited(5_000, () => ended.abort());
      await Promise.allSettled(
        services.map((name) => mesh.service(name).ready(AbortSignal.any([io.signal, ended.signal]))),
      );
      timer.cancel();
    }
    return await show(input, io, page.address!, draw, narrow);
  } finally {
    await mesh.close({ deadlineMs: 0 });
  }
}

async function show(
  input: CommandInput,
  io: Io,
  admin: string,
  draw: (state: AdminState) => readonly string[],
  narrow: (state: AdminState) => unknown,
): Promise<number> {
  const print = (state: AdminState): void => io.out(`${JSON.stringify(narrow(state))}\n`);
  if (input.values.once === true) {
    const state = await statesOf(admin, io);
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
