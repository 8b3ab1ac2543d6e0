/**
 * A value as an error message may show it. An option is often given something that opens a door: a
 * DSN where a name belongs, a password one line too high. So what is shown of a text ends where a
 * credential may begin, and a value under a name that speaks of secrets is not shown at all.
 */
export function show(value: unknown, name = ''): string {
  if (typeof value === 'string') return isSecretName(name) ? `a text of ${value.length} characters` : showText(value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value === 'function') return 'a function';
  const tellsNothing = value === undefined || value === null || typeof value === 'boolean';
  return tellsNothing || !isSecretName(name) || COUNTS_TOKENS.test(name) ? String(value) : `a ${typeof value}`;
}

/**
 * As `show`, for what stands where an object or a list belongs: a longer text there is a DSN or a
 * secret more often than a name.
 */
export function showKind(value: unknown): string {
  return typeof value === 'string' && value.length > 8 ? `a text of ${value.length} characters` : show(value);
}

/** The name of an option as given, which may be anything. */
export function showName(name: string): string {
  return /^[\w$.-]{1,60}$/.test(name) ? name : showText(name);
}

/** A text that cannot be a name, as it may hold a credential: a DSN, mostly. */
export function holdsCredentials(text: string): boolean {
  return withoutCredentials(text) !== text;
}

const SHOWN_LENGTH = 80;

/** Always in quotes, for what may hold anything. */
export function showText(text: string): string {
  const safe = withoutCredentials(text);
  return JSON.stringify(safe.length > SHOWN_LENGTH ? `${safe.slice(0, SHOWN_LENGTH)}…` : safe);
}

/**
 * What comes before the last `@` of a URL or DSN is user and password; in its query, or among
 * `key=value` pairs, the name shows it.
 */
export function withoutCredentials(text: string): string {
  const at = text.lastIndexOf('@');
  const scheme = text.indexOf('://');
  const kept = scheme === -1 || scheme > at ? '' : text.slice(0, scheme + 3);
  const host = at === -1 ? text : `${kept}…${text.slice(at)}`;
  const pair = SECRET_PAIR.exec(host);
  return pair === null ? host : `${host.slice(0, pair.index + pair[0].length)}…`;
}

const SECRET_PAIR = /(?:pass|pwd|secret|token|apikey|api_key|credential)[a-z_]{0,12}["']?\s?[=:]/i;

/** Options that count tokens (`retryThrottling.maxTokens`): their numbers are not secret. */
const COUNTS_TOKENS = /tokens$|tokenRatio$/i;

export function isSecretName(name: string): boolean {
  const last = name.slice(name.lastIndexOf('.') + 1);
  return /pass|pwd|secret|token|credential|authorization|dsn|^uri$|^url$|connectionstring/i.test(last);
}
