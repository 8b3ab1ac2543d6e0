import { ANY, type PathPattern } from './path-pattern.js';

/**
 * The path that a template makes of one that matched: the template stands for the part that the
 * pattern matched, what follows stays as it came, byte for byte. `{id}` in it is the segment that
 * stood there; a name that the pattern does not have stays as it is.
 */
export function rewritePath(pattern: PathPattern, raw: string, template: string): string {
  const values: string[] = [];
  let at = 0;
  for (const segment of pattern.segments) {
    while (raw.charCodeAt(at) === 47) at++;
    const slash = raw.indexOf('/', at);
    const end = slash === -1 ? raw.length : slash;
    if (segment === ANY) values.push(raw.slice(at, end));
    at = end;
  }
  const rest = pattern.prefix ? raw.slice(at) : '';
  const filled = template.replace(/\{(\w+)\}/g, (whole, name: string) => values[pattern.names.indexOf(name)] ?? whole);
  if (rest === '') return filled;
  if (filled.endsWith('/')) return filled + rest.slice(1);
  return rest.startsWith('/') ? filled + rest : `${filled}/${rest}`;
}
