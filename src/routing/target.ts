/** What a request asks for, as routes see it. What is sent upstream are the bytes of `raw`. */
export interface Target {
  /** The path as it came, without the query. */
  readonly raw: string;
  /** With its question mark; empty where there is none. */
  readonly query: string;
  /**
   * The segments of the path in normal form: `%41` is `A`, `%2f` is `%2F`, several slashes are one.
   * A path that ends with a slash has an empty one at its end.
   */
  readonly segments: readonly string[];
}

/** A dot segment to any server that decodes, takes `\` for `/`, or cuts off path parameters. */
const DOT_SEGMENT = /^\.{1,2}(?:;|$)/;
/** RFC 3986, 2.3: the same with and without escape. */
const UNRESERVED = /[A-Za-z0-9\-._~]/;
const ESCAPE = /%([0-9a-fA-F]{2})/g;

/**
 * Reads a target in origin form; undefined where what was matched could be another thing than what
 * the server behind makes of it: dot segments, encoded or not, a backslash, a fragment.
 */
export function readTarget(target: string): Target | undefined {
  if (target.charCodeAt(0) !== 47 || target.includes('#')) return undefined;
  const mark = target.indexOf('?');
  const raw = mark === -1 ? target : target.slice(0, mark);
  if (raw.includes('\\')) return undefined;
  const escaped = raw.includes('%');
  if ((escaped || raw.includes('/.')) && hasDotSegment(raw)) return undefined;
  const path = escaped ? raw.replace(ESCAPE, normalEscape) : raw;
  return { raw, query: mark === -1 ? '' : target.slice(mark), segments: segmentsOf(path) };
}

function hasDotSegment(raw: string): boolean {
  const decoded = raw.replace(ESCAPE, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return decoded.split(/[/\\]/).some((segment) => DOT_SEGMENT.test(segment));
}

function normalEscape(escaped: string, digits: string): string {
  const char = String.fromCharCode(Number.parseInt(digits, 16));
  return UNRESERVED.test(char) ? char : escaped.toUpperCase();
}

/** Of a path in normal form. */
function segmentsOf(path: string): readonly string[] {
  const segments = path.split('/');
  segments.shift();
  if (!path.includes('//')) return segments;
  const last = segments.length - 1;
  return segments.filter((segment, i) => segment !== '' || i === last);
}
