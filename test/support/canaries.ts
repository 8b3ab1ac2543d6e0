import { inspect } from 'node:util';

/** No text of ours contains it. */
export const CANARY = 'c4naryS3cret';

/** How a secret comes where it does not belong: in texts that name a server, mostly. */
export const TEXTS: readonly string[] = [
  `mysql://root:${CANARY}@10.0.0.1:3306/orders`,
  `redis://:${CANARY}@cache.internal:6379`,
  `root:${CANARY}@tcp(10.0.0.1:3306)/orders`,
  `http://consul.internal:8500/v1/kv?token=${CANARY}`,
  `Server=db;Uid=root;Pwd=${CANARY};`,
  `postgres://${'a-user-with-a-long-name-'.repeat(5)}:${CANARY}@db/x`,
];

const SECRET_NAME = /pass|pwd|secret|token|credential|authorization/i;

/** All that a logger may make of it. */
export function printed(thing: unknown): string {
  const parts = [String(Object(thing) === thing ? '' : thing), inspect(thing, { depth: 12, maxStringLength: null })];
  if (thing instanceof Error) parts.push(String(thing), thing.stack ?? '', printed(thing.cause ?? ''));
  try {
    parts.push(JSON.stringify(thing) ?? '');
  } catch {
    // Circular, say: whoever logs by JSON gets nothing.
  }
  return parts.join('\n');
}

export interface LeakOptions {
  readonly close?: ((made: unknown) => void) | undefined;
  /** Options that are needed for anything to be made. */
  readonly base?: Readonly<Record<string, unknown>> | undefined;
  /** A text as the whole is a name, which is shown; no password. */
  readonly named?: boolean | undefined;
}

/**
 * Calls `open` with options that have a canary in every place: as the whole, under each name that
 * it knows (which it says itself, of a name that it does not know), in lists and objects under
 * these. Returns all that shows it: errors thrown, and things made.
 */
export async function leaksOf(
  open: (options: unknown) => unknown,
  { close = () => {}, base = {}, named = false }: LeakOptions = {},
): Promise<string[]> {
  const leaks: string[] = [];
  const attempt = async (what: string, options: unknown): Promise<string> => {
    let outcome: unknown;
    try {
      const made = open(options);
      outcome = made instanceof Promise ? await made : made;
    } catch (error) {
      outcome = error;
    }
    const text = printed(outcome);
    const at = text.indexOf(CANARY);
    if (at !== -1) leaks.push(`${what}: …${text.slice(Math.max(0, at - 120), at + 60)}`);
    if (!(outcome instanceof Error)) close(outcome);
    return outcome instanceof Error ? outcome.message : '';
  };

  const visit = async (path: readonly string[], put: (value: unknown) => unknown): Promise<void> => {
    const name = path.at(-1) ?? '';
    const secrets = (path.length === 0 && !named) || SECRET_NAME.test(name) ? [CANARY] : [];
    for (const text of [...secrets, ...TEXTS]) {
      const where = path.join('.') || 'the whole';
      await attempt(where, put(text));
      await attempt(`a list in ${where}`, put([text]));
      // A name that is not known has to be shown, if it is no more than that.
      if (text !== CANARY) await attempt(`an object in ${where}`, put({ [text]: 1 }));
    }
    if (path.length >= MAX_DEPTH) return;
    for (const known of namesIn(await attempt(path.join('.'), put({ ...(path.length === 0 ? base : {}), zzz: 1 })))) {
      await visit([...path, known], (value) => put({ ...(path.length === 0 ? base : {}), [known]: value }));
    }
  };
  await visit([], (value) => value);
  return leaks;
}

const MAX_DEPTH = 3;

/** The names that a refusal of an unknown one lists. */
function namesIn(message: string): string[] {
  const list = /zzz is not an option: there (?:is|are) (.*)\.$/s.exec(message)?.[1];
  return list === undefined || list === 'none' ? [] : list.split(', ');
}
