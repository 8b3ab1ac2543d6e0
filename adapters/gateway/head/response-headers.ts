import { endsHere, namedBy } from '../common/hop-by-hop.js';

/** Of a response, as undici has them: names and values in turn. */
export type RawHeaders = readonly (Buffer | string)[];

const textOf = (part: Buffer | string): string => (typeof part === 'string' ? part : part.toString('latin1'));

/** The value of a header, those of a repeated one joined. `name` in lower case. */
export function rawHeader(raw: RawHeaders, name: string): string | undefined {
  let found: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]!.length !== name.length || textOf(raw[i]!).toLowerCase() !== name) continue;
    const value = textOf(raw[i + 1]!);
    found = found === undefined ? value : `${found}, ${value}`;
  }
  return found;
}

/** What goes to the client: what came, in its order and letters, without what ends here. */
export function responseHeaders(raw: RawHeaders, keepTrailer: boolean): string[] {
  const named = namedBy(rawHeader(raw, 'connection'));
  const sent: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = textOf(raw[i]!);
    const lower = name.toLowerCase();
    if (endsHere(lower, named) && !(keepTrailer && lower === 'trailer')) continue;
    sent.push(name, textOf(raw[i + 1]!));
  }
  return sent;
}
