import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../../src/index.js';
import type { DriverConnection } from '../driver/driver.js';
import { Prober, type ProbeWatch, type ProbeWatcher } from './prober.js';

/** Options of a connection that decide who logs in, and how; the others concern results. */
const LOGIN_KEYS: readonly string[] = [
  'authPlugins',
  'authSwitchHandler',
  'compress',
  'connectAttributes',
  'connectTimeout',
  'enableCleartextPlugin',
  'enableKeepAlive',
  'flags',
  'host',
  'insecureAuth',
  'keepAliveInitialDelay',
  'localAddress',
  'password',
  'password1',
  'password2',
  'password3',
  'passwordSha1',
  'port',
  'ssl',
  'stream',
  'user',
];

/** Of options of a connection those that one that looks needs. */
export function loginOf(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => LOGIN_KEYS.includes(name)));
}

/** Where to look, and as whom. */
export interface Looked {
  readonly host: string;
  readonly port: number;
  /** As `loginOf` has it; a password that is a function is the same where the function is. */
  readonly login: Readonly<Record<string, unknown>>;
  readonly allowPublicKeyRetrieval: boolean;
  readonly open: ((options: Record<string, unknown>) => DriverConnection) | undefined;
}

/** The probers of one mesh: one for each server and login, however many pools are over it. */
export class Probers {
  readonly #clock: Clock;
  readonly #shared = new Map<Looked, Prober>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins to look, or joins those that look at the same server as the same user. */
  watch(looked: Looked, watcher: ProbeWatcher): ProbeWatch {
    for (const [each, prober] of this.#shared) if (isDeepStrictEqual(each, looked)) return prober.watch(watcher);
    const { open } = looked;
    const prober = new Prober({
      clock: this.#clock,
      unused: () => this.#shared.delete(looked),
      ...(open !== undefined && { open }),
    });
    this.#shared.set(looked, prober);
    return prober.watch(watcher);
  }
}

const ofMeshes = new WeakMap<object, Probers>();

export function probersOf(mesh: { readonly clock: Clock }): Probers {
  let probers = ofMeshes.get(mesh);
  if (probers === undefined) {
    probers = new Probers(mesh.clock);
    ofMeshes.set(mesh, probers);
  }
  return probers;
}
