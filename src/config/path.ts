import { showText } from '../runtime/shown.js';

/** Where something stands in a document: names and places in lists. */
export type Path = readonly (string | number)[];

/**
 * `services.users.checks[0].http`; names that are not plain in quotes. Where a document is broken a
 * whole line of it may be a name, so a long one, or one that may hold a credential, is cut short.
 */
export function pathText(path: Path): string {
  let text = '';
  for (const each of path) {
    if (typeof each === 'number') text += `[${each}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(each)) text += text === '' ? each : `.${each}`;
    else text += `[${showText(each)}]`;
  }
  return text === '' ? 'the document' : text;
}
