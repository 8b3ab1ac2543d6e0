/** Where something stands in a document: names and places in lists. */
export type Path = readonly (string | number)[];

/** `services.users.checks[0].http`; names that are not plain in quotes. */
export function pathText(path: Path): string {
  let text = '';
  for (const each of path) {
    if (typeof each === 'number') text += `[${each}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(each)) text += text === '' ? each : `.${each}`;
    else text += `[${JSON.stringify(each)}]`;
  }
  return text === '' ? 'the document' : text;
}
