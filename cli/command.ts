/** What a process ends with. */
export const Exit = { ok: 0, found: 1, usage: 2, unreachable: 3 } as const;

/** Where a command writes, and how. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Whether colours, and a screen that is drawn over, make sense. */
  readonly color: boolean;
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user ends it. */
  readonly signal: AbortSignal;
  /** All that there are, by name: for what is about them. */
  readonly commands: Commands;
}

export type Commands = Readonly<Record<string, readonly [about: string, load: () => Promise<Command>]>>;

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for its value in the help. */
  readonly value?: string;
  readonly about: string;
}

export interface CommandInput {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly words: readonly string[];
}

/** Contract: one command of `fairlead`, a file each. */
export interface Command {
  readonly usage: string;
  readonly about: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly string[];
  /** Resolves with the exit code. A UsageError is told with the usage. */
  run(input: CommandInput, io: Io): Promise<number>;
}

/** What was typed is not what there is. */
export class UsageError extends Error {}

/** Options that every command has. */
export const COMMON: Readonly<Record<string, OptionSpec>> = {
  json: { type: 'boolean', about: 'print JSON, for programs' },
  help: { type: 'boolean', short: 'h', about: 'print this' },
};

/** One value of an option, where it was given. */
export function given({ values }: CommandInput, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

export function givenAll({ values }: CommandInput, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

export function givenNumber(input: CommandInput, name: string, fallback: number, min: number, max: number): number {
  const text = given(input, name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  const allowed = max === Number.POSITIVE_INFINITY ? `of ${min} or more` : `from ${min} to ${max}`;
  throw new UsageError(`--${name} is '${text}': allowed is a number ${allowed}.`);
}

export function isJson({ values }: CommandInput): boolean {
  return values.json === true;
}
