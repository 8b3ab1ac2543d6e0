import type { Mesh } from '../mesh.js';
import { BoundedMap } from '../runtime/bounded-map.js';
import type { Timer } from '../runtime/clock.js';
import { invalidOption, number, readOptions, withoutCredentials } from '../runtime/options.js';
import { checkMesh } from '../service/check-mesh.js';
import type { Service } from '../service/contract.js';
import { followNews } from '../telemetry/news.js';

/** What is needed of a logger: pino's, winston's, or `console`. */
export interface MeshLogger {
  info(message: string): unknown;
  warn(message: string): unknown;
  error(message: string): unknown;
}

export interface LogMeshOptions {
  /**
   * What happens within this time for one cause is one line; milliseconds. Default 1,000; 0 to
   * 60,000.
   */
  readonly gatherMs?: number;
  /**
   * The same warning or error is not logged again within this time, unless it was over in between;
   * milliseconds. Default 60,000; up to a day.
   */
  readonly againMs?: number;
}

interface LogSettings {
  readonly gatherMs: number;
  readonly againMs: number;
}

type Level = keyof MeshLogger;

/** One cause, and whom it concerns until it is logged. */
interface Cause {
  readonly level: Level;
  readonly text: string;
  readonly subjects: Set<string>;
  times: number;
}

/** Causes that are remembered as logged; of texts that others make up there may be any number. */
const MAX_REMEMBERED = 1_000;
const NAMED = 5;
const MAX_TEXT = 300;
// C0, DEL and C1: a text of a registry must not move a terminal's cursor, or begin a line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/**
 * Logs what an operator must know, a line each: discovery that fails and works again, endpoints
 * that are ejected and return, fail their check, come and go, breakers that open, services that
 * have no endpoint; of MySQL another primary, replicas that serve no reads, pools that are full;
 * shards of Redis that are out and return; configurations and the steps of canaries. What has one
 * cause is one line, for all services. Returns a function that stops it. Throws
 * FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const stop = logMesh(mesh, console);
 * // fairlead: discovery fails: connect ECONNREFUSED 127.0.0.1:8500 (users, orders and 48 more)
 * ```
 */
export function logMesh(mesh: Mesh, logger: MeshLogger, options?: LogMeshOptions): () => void {
  checkMesh('logMesh', mesh);
  const settings = readOptions<LogSettings>('logMesh', options, {
    gatherMs: number(1_000, 0, 60_000),
    againMs: number(60_000, 0, 86_400_000),
  });
  for (const level of ['info', 'warn', 'error'] as const) {
    if (typeof logger?.[level] === 'function') continue;
    throw invalidOption('logMesh logger', logger, 'an object with info, warn and error, such as console');
  }
  const log = new MeshLog(mesh, logger, settings);
  return () => log.stop();
}

class MeshLog {
  readonly #mesh: Mesh;
  readonly #logger: MeshLogger;
  readonly #settings: LogSettings;
  readonly #gathered = new Map<string, Cause>();
  /** When each cause was logged last. */
  readonly #logged = new BoundedMap<string, { readonly atMs: number; readonly line: number }>(MAX_REMEMBERED);
  /** The last line that was no warning, by whom it concerns. */
  readonly #wellAt = new BoundedMap<string, number>(MAX_REMEMBERED);
  #lines = 0;
  readonly #stops: (() => void)[] = [];
  #timer: Timer | undefined;

  constructor(mesh: Mesh, logger: MeshLogger, settings: LogSettings) {
    this.#mesh = mesh;
    this.#logger = logger;
    this.#settings = settings;
    this.#stops.push(mesh.follow((service) => this.#follow(service)));
    this.#stops.push(followNews(mesh, ({ level, text, subject }) => this.#say(level, text, subject)));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#log();
    for (const stop of this.#stops) stop();
  }

  #follow(service: Service): void {
    const { name } = service;
    let empty = false;
    const look = (): void => {
      const isEmpty = service.rotation.length === 0;
      if (isEmpty !== empty) {
        empty = isEmpty;
        if (isEmpty) this.#say('error', 'no endpoint may be picked', name);
        else this.#say('info', 'there are endpoints to pick again', name);
      }
    };
    const at = (id: string): string => `${id} of ${name}`;
    this.#stops.push(
      service.on('error', (error) => this.#say('warn', `discovery fails: ${error.message}`, name)),
      service.on('recovered', () => this.#say('info', 'discovery works again', name)),
      service.on('rotation', look),
      service.on('endpoints', ({ arrived, departed }) => {
        look();
        for (const { spec } of arrived) this.#say('info', 'endpoints arrived', at(spec.id));
        for (const { spec } of departed) this.#say('info', 'endpoints left', at(spec.id));
      }),
      service.on('ejected', ({ endpoint, signal, enforced, forMs }) => {
        const seconds = Math.round(forMs / 1_000);
        if (enforced) this.#say('warn', `ejected by ${signal} for ${seconds} s`, at(endpoint.spec.id));
        else this.#say('warn', `not ejected, though ${signal} asked for it`, at(endpoint.spec.id));
      }),
      service.on('returned', ({ spec }) => this.#say('info', 'back in use after an ejection', at(spec.id))),
      service.on('checked', ({ endpoint, check, healthy, reason, isFirst }) => {
        if (healthy && isFirst) return;
        const why = reason === undefined ? '' : `: ${reason.message}`;
        if (healthy) this.#say('info', `${check} passes again`, at(endpoint.spec.id));
        else this.#say('warn', `${check} fails${why}`, at(endpoint.spec.id));
      }),
      service.on('breaker', ({ endpoint, to: state }) => {
        const whose = endpoint === undefined ? name : at(endpoint.spec.id);
        this.#say(state === 'open' ? 'warn' : 'info', `circuit breaker: ${state}`, whose);
      }),
      service.on('sessionsFull', () => this.#say('warn', 'the table of sessions is full', name)),
    );
  }

  #say(level: Level, text: string, subject: string): void {
    const key = `${level} ${text}`;
    const cause = this.#gathered.get(key);
    if (cause !== undefined) {
      cause.times++;
      if (!cause.subjects.has(subject)) cause.subjects.add(subject);
      else if (this.#gathered.size > 1) {
        // Again: what was said in between must not stand last.
        this.#gathered.delete(key);
        this.#gathered.set(key, cause);
      }
      return;
    }
    this.#gathered.set(key, { level, text, subjects: new Set([subject]), times: 1 });
    this.#timer ??= this.#mesh.clock.after(this.#settings.gatherMs, () => this.#log());
  }

  #log(): void {
    this.#timer = undefined;
    const nowMs = this.#mesh.clock.now();
    for (const [key, { level, text, subjects, times }] of this.#gathered) {
      // For other subjects the same cause is news; what comes and goes is, each time.
      const whom = [...subjects].sort();
      const line = ++this.#lines;
      if (level === 'info') for (const each of whom) this.#wellAt.set(each, line);
      else {
        const said = `${key} ${whom.join()}`;
        const before = this.#logged.get(said);
        const isRecent = before !== undefined && nowMs - before.atMs < this.#settings.againMs;
        // What failed, works and fails again is news: else the last line would say that it works.
        if (isRecent && !whom.some((each) => (this.#wellAt.get(each) ?? 0) > before.line)) continue;
        this.#logged.set(said, { atMs: nowMs, line });
      }
      this.#write(level, `fairlead: ${text} (${listed(whom)}${times > whom.length ? `, ${times} times` : ''})`);
    }
    this.#gathered.clear();
  }

  /** A logger that throws stops nothing. */
  #write(level: Level, line: string): void {
    try {
      this.#logger[level](clean(line));
    } catch {
      // It cannot be logged.
    }
  }
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  const shown = names.slice(0, NAMED).map((name) => name.slice(0, MAX_TEXT));
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** One line, without credentials that errors of drivers may show, and of a length to read. */
function clean(line: string): string {
  const plain = withoutCredentials(line.replace(CONTROL, ' '));
  return plain.length > 2 * MAX_TEXT ? `${plain.slice(0, 2 * MAX_TEXT)}…` : plain;
}
