import { fields, integer, number, type Reader, readOptions, type Schema } from '../runtime/options.js';
import type { Patience } from './alert-state.js';
import { type AlertLimits, type LimitSettings, limitReaders } from './rules/limits.js';
import { readWebhook, type WebhookOptions, type WebhookSettings } from './webhook.js';

/** What a configuration can say of alerts as well. */
export interface AlertOptions {
  /** From where on alerts are raised. */
  readonly limits?: AlertLimits;
  /**
   * Between two looks, which is the window of errors and mean latency; milliseconds. Default
   * 10,000; 100 to 3,600,000.
   */
  readonly intervalMs?: number;
  /** Looks in a row that find it so, until an alert is raised; 1 to 1,000. Default 2. */
  readonly raiseAfter?: number;
  /** Looks in a row that find it not so, until it is over; 1 to 1,000. Default 3. */
  readonly clearAfter?: number;
  /**
   * What is still so is told of again after this long, then twice as long, and so on up to 4 hours;
   * milliseconds, from 1,000. Default 300,000; Infinity for never.
   */
  readonly againMs?: number;
}

export interface MonitorOptions extends AlertOptions {
  /** Where events are posted as JSON. Default: nowhere. */
  readonly webhook?: WebhookOptions;
}

export interface AlertSettings extends Patience {
  readonly limits: LimitSettings;
  readonly intervalMs: number;
}

export interface MonitorSettings extends AlertSettings {
  readonly webhook: WebhookSettings | undefined;
}

const alertFields: Schema<AlertSettings> = {
  limits: fields<LimitSettings>(limitReaders),
  intervalMs: number(10_000, 100, 3_600_000),
  raiseAfter: integer(2, 1, 1_000),
  clearAfter: integer(3, 1, 1_000),
  againMs: number(300_000, 1_000, Number.POSITIVE_INFINITY),
};

/** Reads what a configuration says of alerts. Throws FAIRLEAD_INVALID_OPTION. */
export const readAlerts: Reader<AlertSettings> = fields<AlertSettings>(alertFields);

export function readMonitorOptions(options: MonitorOptions | undefined): MonitorSettings {
  return readOptions<MonitorSettings>('monitorMesh', options, { ...alertFields, webhook: readWebhook });
}

/** A configuration over the program: each limit, and each option beside them, where it says one. */
export function overlayAlerts(program: MonitorOptions, said: AlertOptions | undefined): AlertSettings {
  const { webhook: _, ...own } = program;
  return readAlerts({ ...own, ...said, limits: { ...own.limits, ...said?.limits } }, 'alerts');
}
