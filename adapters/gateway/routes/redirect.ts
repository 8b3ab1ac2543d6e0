import { type Matched, type RouteSettings, rewritePath } from '../../../src/adapter.js';
import type { RequestHead } from '../head/request-head.js';

type RedirectSettings = NonNullable<RouteSettings['redirect']>;

/** Where a redirect leads: what it does not name stays as the client asked for it. */
export function locationOf(
  { scheme, host, port, path }: RedirectSettings,
  { authority, target }: RequestHead,
  pattern: Matched<unknown>['pattern'],
  secure: boolean,
): string {
  const own = /:(\d+)$/.exec(authority);
  const name = host ?? (own === null ? authority : authority.slice(0, own.index));
  const kept = scheme === undefined && host === undefined && own !== null ? Number(own[1]) : undefined;
  const proto = scheme ?? (secure ? 'https' : 'http');
  const usual = proto === 'https' ? 443 : 80;
  const at = port ?? kept;
  const where = path === undefined ? target.raw : rewritePath(pattern, target.raw, path);
  return `${proto}://${name}${at === undefined || at === usual ? '' : `:${at}`}${where}${target.query}`;
}
