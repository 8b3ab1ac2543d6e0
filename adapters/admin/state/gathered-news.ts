import { BoundedMap, followNews } from '../../../src/adapter.js';
import type { Mesh, NewsMessage, Service } from '../../../src/index.js';
import type { AdminEvent } from './admin-state.js';

type Level = AdminEvent['level'];

/** Adds an event, or writes the one with this number anew; returns its number. */
export type WriteEvent = (
  number: number | undefined,
  level: Level,
  subject: string,
  text: string,
  endpoint?: string,
) => number;

interface Gathered {
  readonly event: number;
  readonly sinceMs: number;
  readonly whom: Set<string>;
}

/** What has one cause within this time is one event; milliseconds. */
const GATHER_MS = 1_000;
/** The same is not an event again within this time, unless it was over in between; milliseconds. */
const AGAIN_MS = 60_000;
const MAX_REMEMBERED = 1_000;
/** Of many, so many are named. */
const NAMED = 3;

/**
 * What adapters, canaries and, where the page does not know the store, configurations have to say
 * to operators, as events: a network that breaks is one, not one for each of a thousand servers.
 */
export class GatheredNews {
  readonly #mesh: Mesh;
  readonly #hearsConfig: boolean;
  readonly #write: WriteEvent;
  readonly close: () => void;
  /** By cause. */
  readonly #gathered = new BoundedMap<string, Gathered>(MAX_REMEMBERED);
  /** What came last, by whom it concerns. */
  readonly #last = new BoundedMap<string, { readonly level: Level; readonly cause: string }>(MAX_REMEMBERED);

  constructor(mesh: Mesh, hearsConfig: boolean, write: WriteEvent) {
    this.#mesh = mesh;
    this.#hearsConfig = hearsConfig;
    this.#write = write;
    this.close = followNews(mesh, (message) => this.#heard(message));
  }

  #heard({ owner, level, text, subject }: NewsMessage): void {
    if (owner !== this.#mesh) this.#add(level, (owner as Service).name, text, subject);
    else if (this.#hearsConfig) this.#add(level, 'configuration', text, subject);
  }

  #add(level: Level, of: string, text: string, subject: string): void {
    const nowMs = this.#mesh.clock.now();
    const cause = `${level} ${of} ${text}`;
    const known = this.#gathered.get(cause);
    const ageMs = nowMs - (known?.sinceMs ?? Number.NEGATIVE_INFINITY);
    const isAgain = known?.whom.has(subject) === true;
    const last = this.#last.get(subject);
    // Several pools over one service say the same; what was over in between is told again.
    const isOld =
      level === 'info' ? ageMs < GATHER_MS && last?.cause === cause : ageMs < AGAIN_MS && last?.level !== 'info';
    if (isAgain && isOld) return;
    this.#last.set(subject, { level, cause });
    const joined = !isAgain && ageMs < GATHER_MS ? known : undefined;
    const whom = joined?.whom.add(subject) ?? new Set([subject]);
    const [first, more] = listed(whom, ` of ${of}`);
    const event =
      whom.size > 1
        ? this.#write(joined?.event, level, of, `${text}: ${more}`)
        : this.#write(undefined, level, of, text, subject === of ? undefined : first);
    if (joined === undefined) this.#gathered.set(cause, { event, sinceMs: nowMs, whom });
  }
}

/** The first of them, and all in few words; without the service, which stands beside them. */
function listed(whom: ReadonlySet<string>, suffix: string): readonly [first: string, all: string] {
  const names: string[] = [];
  for (const each of whom) {
    if (names.push(each.endsWith(suffix) ? each.slice(0, -suffix.length) : each) === NAMED) break;
  }
  const shown = names.join(', ');
  return [names[0]!, whom.size > NAMED ? `${shown} and ${whom.size - NAMED} more` : shown];
}
