import { channel } from 'node:diagnostics_channel';
import type { Mesh } from '../mesh.js';
import { forgetAbort, whenAborted } from '../runtime/abort-audience.js';
import type { Timer } from '../runtime/clock.js';
import { type EventNames, SafeEmitter } from '../runtime/emitter.js';
import { checkMesh } from '../service/check-mesh.js';
import type { ActiveSilence, Alert, AlertEvent, Silence } from './alert.js';
import { AlertState } from './alert-state.js';
import { type MeshHealth, meshHealth, whileDraining } from './health.js';
import { type MeshFigures, meshFigures } from './mesh-figures.js';
import {
  type AlertOptions,
  type AlertSettings,
  type MonitorOptions,
  overlayAlerts,
  readMonitorOptions,
} from './monitor-options.js';
import { EjectionRate } from './rules/ejection-rate.js';
import { endpointFindings } from './rules/endpoints.js';
import type { Finding } from './rules/finding.js';
import { partFindings } from './rules/parts.js';
import { trafficFindings } from './rules/traffic.js';
import { Silences } from './silences.js';
import type { MeshSnapshot } from './snapshot.js';
import { Webhook } from './webhook.js';

export interface MonitorEvents {
  /** An alert was raised, is still so, or is over. Silenced ones are not told. */
  readonly alert: readonly [event: AlertEvent];
  /** The webhook took no alerts. */
  readonly error: readonly [error: Error];
}

/** Looks at a mesh again and again, and says what an operator must know. */
export interface MeshMonitor extends Disposable {
  /** Those that are so now, silenced ones included; the critical first. */
  readonly alerts: readonly Alert[];
  /** Returns a function that stops listening. What a listener throws is reported as a warning. */
  on<Name extends keyof MonitorEvents & string>(
    name: Name,
    listener: (...args: MonitorEvents[Name]) => void,
  ): () => void;
  /** Returns a function that ends the silence early. Throws FAIRLEAD_INVALID_OPTION. */
  silence(silence: Silence): () => void;
  /** Those that hold now, the oldest first. */
  readonly silences: readonly ActiveSilence[];
  /** Ends one of `silences` early. False where there is none of this id. */
  endSilence(id: number): boolean;
  /**
   * As of now. `needs` names the services whose state decides: by default all that no configuration
   * removed. Costs as much as reading the figures.
   */
  health(needs?: readonly string[]): MeshHealth;
  /**
   * From now on limits and patience are those of the document's `alerts`, over the program's, each
   * version of it in turn, until the returned function is called.
   */
  follow(config: AlertsSource): () => void;
  /** Stops looking. Idempotent. */
  close(): void;
}

/** What a store of configurations has for it. */
export interface AlertsSource {
  follow(
    section: 'alerts',
    user: { check(said: AlertOptions | undefined): void; use(said: AlertOptions | undefined): void },
  ): () => void;
}

/** A look that comes so late was kept by a suspended process, or one that did nothing else. */
const PAUSE_MS = 5_000;

const alertChannel = channel('fairlead:alert');

/**
 * Watches over a mesh: error rate, latency, endpoints that are left, discovery, ejections, panic,
 * replication, shards. It is a reader of figures: calls are counted until it is closed. Throws
 * FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const monitor = monitorMesh(mesh, { limits: { errorRatio: 0.02 } });
 * monitor.on('alert', ({ what, alert }) => console.log(what, alert.severity, alert.text));
 * ```
 */
export function monitorMesh(mesh: Mesh, options?: MonitorOptions): MeshMonitor {
  checkMesh('monitorMesh', mesh);
  return new LiveMonitor(mesh, options);
}

const EVENTS: EventNames<MonitorEvents> = { alert: true, error: true };

class LiveMonitor implements MeshMonitor {
  readonly #mesh: Mesh;
  readonly #own: MonitorOptions;
  #settings: AlertSettings;
  readonly #figures: MeshFigures;
  readonly #events = new SafeEmitter<MonitorEvents>(EVENTS);
  readonly #states = new Map<string, AlertState>();
  readonly #silences: Silences;
  readonly #ejections = new EjectionRate();
  readonly #webhook: Webhook | undefined;
  #before: MeshSnapshot;
  #dueMs = 0;
  /** When a pause of the process was last seen to be over, or the monitor began. */
  #awakeSinceMs: number;
  #timer: Timer | undefined;
  /** It was closed, or the mesh was: there is no further look, whoever asks for one. */
  #over = false;
  readonly #follows = new Set<() => void>();

  constructor(mesh: Mesh, options: MonitorOptions | undefined) {
    this.#mesh = mesh;
    this.#silences = new Silences(mesh.clock);
    const settings = readMonitorOptions(options);
    this.#own = options ?? {};
    this.#settings = settings;
    this.#awakeSinceMs = mesh.clock.now();
    this.#figures = meshFigures(mesh);
    this.#before = this.#figures.read();
    const failed = (error: Error): void => this.#events.emit('error', error);
    this.#webhook = settings.webhook && new Webhook(settings.webhook, mesh.clock, mesh.random, failed);
    this.#lookLater();
    if (mesh.closing.aborted) this.#meshCloses();
    else whenAborted(mesh.closing, this.#meshCloses);
  }

  get alerts(): readonly Alert[] {
    const firing = [...this.#states.values()].filter((state) => state.firing);
    const alerts = firing.map((state) => state.alert(this.#silences.covers(state.alert(false))));
    return alerts.sort((a, b) => Number(b.severity === 'critical') - Number(a.severity === 'critical'));
  }

  on<Name extends keyof MonitorEvents & string>(
    name: Name,
    listener: (...args: MonitorEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  silence(silence: Silence): () => void {
    const id = this.#silences.add(silence);
    return () => void this.#silences.end(id);
  }

  get silences(): readonly ActiveSilence[] {
    return this.#silences.active;
  }

  endSilence(id: number): boolean {
    return this.#silences.end(id);
  }

  health(needs?: readonly string[]): MeshHealth {
    const health = meshHealth(this.#figures.read(), this.alerts, needs);
    return this.#mesh.draining ? whileDraining(health) : health;
  }

  follow(config: AlertsSource): () => void {
    const stop = config.follow('alerts', {
      check: (said) => void overlayAlerts(this.#own, said),
      use: (said) => this.#use(overlayAlerts(this.#own, said)),
    });
    this.#follows.add(stop);
    return () => {
      this.#follows.delete(stop);
      stop();
    };
  }

  #use(settings: AlertSettings): void {
    const { intervalMs } = this.#settings;
    this.#settings = settings;
    for (const state of this.#states.values()) state.patience = settings;
    if (settings.intervalMs === intervalMs) return;
    this.#timer?.cancel();
    this.#lookLater();
  }

  close(): void {
    forgetAbort(this.#mesh.closing, this.#meshCloses);
    this.#lookNoMore();
    for (const stop of this.#follows) stop();
    this.#follows.clear();
    this.#figures.close();
    this.#webhook?.close();
    this.#events.clear();
  }

  /** Services that end are no news, and nothing is over because its process ends. */
  readonly #meshCloses = (): void => {
    this.#lookNoMore();
    this.#webhook?.end();
  };

  #lookNoMore(): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #lookLater(): void {
    if (this.#over) return;
    const { intervalMs } = this.#settings;
    this.#dueMs = this.#mesh.clock.now() + intervalMs;
    this.#timer = this.#mesh.clock.after(intervalMs, () => {
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const { clock } = this.#mesh;
    const nowMs = clock.now();
    const before = this.#before;
    const now = this.#figures.read();
    this.#before = now;
    // What is seen after a pause is the pause: old lists, calls that timed out at once. The next
    // look judges.
    if (nowMs - this.#dueMs > PAUSE_MS) {
      this.#ejections.restart(now.services, nowMs);
      this.#awakeSinceMs = nowMs;
      return;
    }
    const findings = this.#findings(now, before, nowMs);
    const told = findings.flatMap((finding) => this.#judge(finding, nowMs, clock.wallMs()));
    told.push(...this.#dropVanished(findings));
    for (const { what, alert } of told) {
      // What led to it would be overwritten by the time somebody looks.
      if (what === 'raised') this.#mesh.services.get(alert.subject)?.flight?.freeze(`${alert.rule}: ${alert.text}`);
    }
    for (const event of told) {
      this.#events.emit('alert', event);
      if (alertChannel.hasSubscribers) alertChannel.publish(event);
    }
    if (told.length > 0) this.#webhook?.send(told);
  }

  #findings(now: MeshSnapshot, before: MeshSnapshot, nowMs: number): Finding[] {
    const { limits } = this.#settings;
    const earlier = new Map(before.services.map((service) => [service.name, service]));
    return [
      ...now.services.flatMap((service) => {
        const rate = this.#ejections.lastMinute(service, nowMs);
        if (service.removed !== null) return [];
        const traffic = trafficFindings(service, earlier.get(service.name), limits);
        return [...endpointFindings(service, rate, nowMs - this.#awakeSinceMs, limits), ...traffic];
      }),
      ...now.parts.flatMap((part) => partFindings(part, limits)),
    ];
  }

  #judge(finding: Finding, nowMs: number, wallMs: number): AlertEvent[] {
    const key = keyOf(finding);
    let state = this.#states.get(key);
    if (state === undefined) {
      if (finding.bad !== true) return [];
      state = new AlertState(finding, this.#settings);
      this.#states.set(key, state);
    }
    const silenced = this.#silences.covers(finding);
    const what = state.look(finding, nowMs, wallMs, silenced);
    const alert = state.alert(silenced);
    if (!state.firing && finding.bad === false) this.#states.delete(key);
    return what === undefined ? [] : [{ what, alert }];
  }

  /** What is not looked at any more, such as a part that ended, is over. */
  #dropVanished(findings: readonly Finding[]): AlertEvent[] {
    const seen = new Set(findings.map(keyOf));
    return [...this.#states].flatMap(([key, state]) => {
      const alert = state.alert(false);
      if (seen.has(key)) return [];
      this.#states.delete(key);
      return state.firing && state.told && !this.#silences.covers(alert) ? [{ what: 'cleared' as const, alert }] : [];
    });
  }
}

function keyOf({ rule, subject }: Finding): string {
  return `${rule}\n${subject}`;
}
