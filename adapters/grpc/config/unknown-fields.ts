/**
 * What to do with fields of a service config that mean nothing here: refuse the config (default),
 * or go by the rest of it and warn. For configs that programs in other languages read as well.
 */
export type UnknownFields = 'refuse' | 'warn';

/** Fields that are read, with those within them; true for what is read as it is. */
type Shape = { readonly [field: string]: Shape | true };

const METHOD: Shape = {
  name: { service: true, method: true },
  policy: true,
  waitForReady: true,
  timeout: true,
  idempotent: true,
  unary: true,
  retryPolicy: {
    maxAttempts: true,
    initialBackoff: true,
    maxBackoff: true,
    backoffMultiplier: true,
    retryableStatusCodes: true,
  },
  hedgingPolicy: { maxAttempts: true, hedgingDelay: true, nonFatalStatusCodes: true },
};

const SERVICE_CONFIG: Shape = {
  methodConfig: METHOD,
  retryThrottling: { maxTokens: true, tokenRatio: true },
  healthCheckConfig: { serviceName: true },
};

/** The config without what is unknown, where that is to be warned of; else the same. */
export function withoutUnknown(config: unknown, name: string, unknownFields: UnknownFields): unknown {
  if (unknownFields === 'refuse') return config;
  const unknown: string[] = [];
  const known = prune(config, SERVICE_CONFIG, name, unknown);
  if (unknown.length > 0) warnOfUnknown(name, unknown);
  return known;
}

/** Fields beyond these are not named. */
const MAX_NAMED = 10;

export function warnOfUnknown(name: string, unknown: readonly string[]): void {
  const more = unknown.length > MAX_NAMED ? ` and ${unknown.length - MAX_NAMED} more` : '';
  const message = `${name} says what has no effect here: ${unknown.slice(0, MAX_NAMED).join(', ')}${more}.`;
  process.emitWarning(message, { type: 'FairleadWarning', code: 'FAIRLEAD_SERVICE_CONFIG' });
}

/** Lists are walked as what they hold; what is no object is for the reader to refuse. */
function prune(value: unknown, shape: Shape, at: string, unknown: string[]): unknown {
  if (Array.isArray(value)) return value.map((each, i) => prune(each, shape, `${at}[${i}]`, unknown));
  if (typeof value !== 'object' || value === null) return value;
  const kept: [string, unknown][] = [];
  for (const [field, each] of Object.entries(value)) {
    const inner = Object.hasOwn(shape, field) ? shape[field] : undefined;
    if (inner === undefined) unknown.push(`${at}.${JSON.stringify(field.slice(0, 50)).slice(1, -1)}`);
    else kept.push([field, inner === true ? each : prune(each, inner, `${at}.${field}`, unknown)]);
  }
  return Object.fromEntries(kept);
}
