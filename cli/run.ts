import { parseArgs } from 'node:util';
import { toError } from '../src/runtime/errors.js';
import { COMMON, Exit, type Io, UsageError } from './command.js';
import { helpOf, overview } from './help.js';
import { missingPackage } from './missing-package.js';
import { styled } from './terminal.js';

/** Runs what was typed. Resolves with the exit code, and rejects with nothing. */
export async function run(args: readonly string[], io: Io, version: string): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    io.out(overview(io));
    return name === undefined ? Exit.usage : Exit.ok;
  }
  if (name === '--version' || name === '-v') {
    io.out(`${version}\n`);
    return Exit.ok;
  }
  const known = Object.hasOwn(io.commands, name) ? io.commands[name] : undefined;
  if (known === undefined) {
    io.err(`There is no command '${name.slice(0, 40)}'. Commands are ${Object.keys(io.commands).join(', ')}.\n`);
    return Exit.usage;
  }
  const command = await known[1]();
  try {
    const options = Object.entries({ ...command.options, ...COMMON }).map(([option, spec]) => {
      const { type, short, multiple = false } = spec;
      return [option, short === undefined ? { type, multiple } : { type, multiple, short }] as const;
    });
    const { values, positionals } = parseArgs({
      args: rest,
      options: Object.fromEntries(options),
      allowPositionals: true,
    });
    if (values.help === true) {
      io.out(helpOf(name, command, io));
      return Exit.ok;
    }
    return await command.run({ values: values as never, words: positionals }, io);
  } catch (thrown) {
    const error = toError(thrown) as Error & { readonly code?: string };
    const missing = missingPackage(error);
    if (missing !== undefined) {
      io.err(`${styled(io, 'red', 'fairlead')} This needs the package ${missing}: npm install ${missing}\n`);
      return Exit.usage;
    }
    const asked = error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS') === true;
    io.err(`${styled(io, 'red', 'fairlead')} ${error.message}\n`);
    if (asked) io.err(`fairlead ${name} --help says how.\n`);
    return asked ? Exit.usage : error.code === 'UNREACHABLE' ? Exit.unreachable : Exit.found;
  }
}
