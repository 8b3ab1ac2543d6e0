import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** An input that once did harm, or that reaches a corner which mutations seldom find. */
interface Kept {
  readonly why: string;
  /** As text where it is text, else in base64. */
  readonly text?: string;
  readonly base64?: string;
}

const fileOf = (name: string): URL => new URL(`./corpus/${name}.json`, import.meta.url);

function kept(name: string): readonly Kept[] {
  return existsSync(fileOf(name)) ? (JSON.parse(readFileSync(fileOf(name), 'utf8')) as readonly Kept[]) : [];
}

/** All inputs that are kept of a target. */
export function corpusOf(name: string): readonly { readonly why: string; readonly input: Buffer }[] {
  return kept(name).map(({ why, text, base64 }) => ({
    why,
    input: text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text),
  }));
}

/** Adds one, so that it is tried first in every run from now on. */
export function keep(name: string, input: Buffer, why: string): void {
  const text = input.toString();
  const isText = Buffer.from(text).equals(input);
  const entry: Kept = isText ? { why, text } : { why, base64: input.toString('base64') };
  writeFileSync(fileOf(name), `${JSON.stringify([...kept(name), entry], null, 2)}\n`);
}
