import { integer, number, readOptions } from '../runtime/options.js';
import type { Patience } from './alert-state.js';
import { type AlertLimits, type LimitSettings, limitReaders } from './rules/limits.js';
import { readWebhook, type WebhookOptions, type WebhookSettings } from './webhook.js';

export interface MonitorOptions {
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
  /** Where events are posted as JSON. Default: nowhere. */
  readonly webhook?: WebhookOptions;
}

export interface MonitorSettings extends Patience {
  readonly limits: LimitSettings;
  readonly intervalMs: number;
  readonly webhook: WebhookSettings | undefined;
}

export function readMonitorOptions(options: MonitorOptions | undefined): MonitorSettings {
  return readOptions<MonitorSettings>('monitorMesh', options, {
    limits: (value, name) => readOptions<LimitSettings>(name, value, limitReaders),
    intervalMs: number(10_000, 100, 3_600_000),
    raiseAfter: integer(2, 1, 1_000),
    clearAfter: integer(3, 1, 1_000),
    againMs: number(300_000, 1_000, Number.POSITIVE_INFINITY),
    webhook: readWebhook,
  });
}
