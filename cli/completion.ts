import { COMMON, type Command, type Commands, Exit, isJson, UsageError } from './command.js';

export const command: Command = {
  usage: 'bash|zsh|fish',
  about: 'Prints what makes the shell complete commands and options.',
  options: {},
  examples: [
    'source <(npx fairlead completion bash)',
    'npx fairlead completion zsh > ~/.zfunc/_fairlead',
    'npx fairlead completion fish > ~/.config/fish/completions/fairlead.fish',
  ],
  async run(input, io) {
    const [shell] = input.words;
    const flags = new Map<string, readonly string[]>();
    for (const [name, [, load]] of Object.entries(io.commands)) {
      flags.set(
        name,
        Object.keys({ ...(await load()).options, ...COMMON }).map((option) => `--${option}`),
      );
    }
    const script = scriptOf(shell, flags, io.commands);
    if (script === undefined) throw new UsageError('Which shell: bash, zsh or fish?');
    io.out(isJson(input) ? `${JSON.stringify({ shell, script })}\n` : script);
    return Exit.ok;
  },
};

function scriptOf(shell: string | undefined, flags: Flags, commands: Commands): string | undefined {
  if (shell === 'bash') return bash(flags);
  if (shell === 'zsh') return zsh(flags, commands);
  return shell === 'fish' ? fish(flags, commands) : undefined;
}

type Flags = ReadonlyMap<string, readonly string[]>;

function bash(flags: Flags): string {
  const cases = [...flags].map(([name, options]) => `    ${name}) words="${options.join(' ')}" ;;`);
  return `_fairlead() {
  local current=\${COMP_WORDS[COMP_CWORD]} words
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
    *) words="${[...flags.keys()].join(' ')}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${[...flags.keys()].join(' ')}"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _fairlead fairlead
`;
}

function zsh(flags: Flags, commands: Commands): string {
  const names = Object.entries(commands).map(([name, [about]]) => `    '${name}:${about.replaceAll("'", '’')}'`);
  const cases = [...flags].map(([name, options]) => `    ${name}) compadd -- ${options.join(' ')}; _files ;;`);
  return `#compdef fairlead
local -a commands=(
${names.join('\n')}
)
if (( CURRENT == 2 )); then
  _describe command commands
else
  case $words[2] in
${cases.join('\n')}
  esac
fi
`;
}

function fish(flags: Flags, commands: Commands): string {
  const lines = Object.entries(commands).map(
    ([name, [about]]) => `complete -c fairlead -n __fish_use_subcommand -f -a ${name} -d "${about}"`,
  );
  for (const [name, options] of flags) {
    for (const option of options) {
      lines.push(`complete -c fairlead -n "__fish_seen_subcommand_from ${name}" -l ${option.slice(2)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
