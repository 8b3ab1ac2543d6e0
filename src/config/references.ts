/** `${env:NAME}` anywhere in a text. */
const REFERENCE = /\$\{env:([^}]*)\}/g;
/** Without its end, so that one that is not closed is seen as well. */
const OPENING = `\${env:`;
const NAME = /^[A-Za-z_]\w*$/;

/** A text that is one reference and nothing else, as secrets must be. */
export const WHOLE_REFERENCE: RegExp = /^\$\{env:[A-Za-z_]\w*\}$/;

export function hasReference(text: string): boolean {
  return text.includes(OPENING);
}

/**
 * The text with what the variables hold. `problem` says why it cannot be had: it never holds a
 * value.
 */
export function resolveReferences(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly text: string; readonly problem: string | undefined } {
  let problem: string | undefined;
  const resolved = text.replace(REFERENCE, (_, name: string) => {
    const value = NAME.test(name) && Object.hasOwn(env, name) ? env[name] : undefined;
    if (value === undefined || value === '') {
      problem ??= NAME.test(name)
        ? `names the variable ${name}, which is not set`
        : 'holds a reference without the name of a variable';
    }
    return value ?? '';
  });
  if (hasReference(text.replace(REFERENCE, ''))) problem ??= 'holds a reference without its closing brace';
  return { text: resolved, problem };
}
