import { COMMON, type Command, type Io, type OptionSpec } from './command.js';
import { styled } from './terminal.js';

export function overview(io: Io): string {
  const width = Math.max(...Object.keys(io.commands).map(({ length }) => length));
  const lines = Object.entries(io.commands).map(
    ([name, [about]]) => `  ${styled(io, 'bold', name.padEnd(width))}  ${about}`,
  );
  return [
    'fairlead: a service mesh inside the process',
    '',
    'Usage: fairlead <command> [options]',
    '',
    ...lines,
    '',
    'fairlead <command> --help says more. --json prints JSON; NO_COLOR=1 leaves colours out.',
    'Exit codes: 0 well, 1 something was found, 2 it was asked wrongly, 3 nothing answers.',
    '',
  ].join('\n');
}

export function helpOf(name: string, command: Command, io: Io): string {
  const all = Object.entries({ ...command.options, ...COMMON });
  const names = all.map(([option, spec]) => flag(option, spec));
  const width = Math.max(...names.map(({ length }) => length));
  return [
    command.about,
    '',
    `Usage: fairlead ${name} ${command.usage}`.trimEnd(),
    '',
    ...all.map(([, { about }], i) => `  ${styled(io, 'bold', names[i]!.padEnd(width))}  ${about}`),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

function flag(name: string, { type, short, value = 'VALUE' }: OptionSpec): string {
  const long = type === 'string' ? `--${name} ${value}` : `--${name}`;
  return short === undefined ? long : `-${short}, ${long}`;
}
