const SPACE = /[ \t\n\r]*/y;
/** From a quote to the next; between them all but control characters, backslashes as escapes. */
const STRING = /"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[ !#-[\]-\uffff]*)*"/y;
const PLAIN = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** What comes next; after 'first …' also the end of what was just opened. */
type Next = 'value' | 'first value' | 'name' | 'first name' | 'colon' | 'end';

/**
 * Where a text ceases to be JSON: the offset of the first token that cannot stand there, which is
 * the length of a text that lacks its end. V8 says it of some mistakes alone. O(text).
 */
export function mistakeIn(text: string): number {
  /** What ends each object and list that is open. */
  const open: string[] = [];
  let next: Next = 'value';
  let at = 0;
  const take = (token: RegExp): boolean => {
    token.lastIndex = at;
    const found = token.test(text);
    if (found) at = token.lastIndex;
    return found;
  };
  const is = (sign: string | undefined): boolean => {
    if (sign === undefined || text[at] !== sign) return false;
    at++;
    return true;
  };
  const closes = (): boolean => {
    if (!is(open.at(-1))) return false;
    open.pop();
    return true;
  };
  const opens = (end: string, first: Next): Next => {
    open.push(end);
    return first;
  };
  /** What comes after the token here; undefined where it cannot stand here. */
  const step = (): Next | undefined => {
    if (next === 'end') {
      if (closes()) return 'end';
      if (open.length === 0 || !is(',')) return undefined;
      return open.at(-1) === '}' ? 'name' : 'value';
    }
    if (next === 'colon') return is(':') ? 'value' : undefined;
    if (next.startsWith('first') && closes()) return 'end';
    if (next.endsWith('name')) return take(STRING) ? 'colon' : undefined;
    if (is('{')) return opens('}', 'first name');
    if (is('[')) return opens(']', 'first value');
    return take(STRING) || take(PLAIN) ? 'end' : undefined;
  };
  for (;;) {
    take(SPACE);
    const then = step();
    if (then === undefined) return at;
    next = then;
  }
}
