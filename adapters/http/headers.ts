import type { Dispatcher } from 'undici';

type Headers = Dispatcher.DispatchOptions['headers'];

/** Every shape in which undici takes headers, as pairs: flat list, object, iterable of pairs. */
function* pairsOf(headers: Headers): Generator<readonly [name: string, value: unknown]> {
  if (headers === undefined || headers === null) return;
  if (Array.isArray(headers)) {
    for (let i = 0; i + 1 < headers.length; i += 2) yield [String(headers[i]), headers[i + 1]];
  } else if (typeof (headers as Iterable<unknown>)[Symbol.iterator] === 'function') {
    for (const [name, value] of headers as Iterable<[string, unknown]>) yield [name, value];
  } else {
    yield* Object.entries(headers);
  }
}

/**
 * The first value of a header, but all of `baggage`, a list that may come in several lines (W3C
 * Baggage, 3.2); `name` in lower case.
 */
export function headerOf(headers: Headers, name: string): string | undefined {
  let list: string | undefined;
  for (const [each, value] of pairsOf(headers)) {
    if (each.length !== name.length || each.toLowerCase() !== name) continue;
    if (name !== 'baggage') {
      const first = Array.isArray(value) ? value[0] : value;
      return first === undefined || first === null ? undefined : String(first);
    }
    if (value === undefined || value === null) continue;
    const text = Array.isArray(value) ? value.join(',') : String(value);
    list = list === undefined ? text : `${list},${text}`;
  }
  return list;
}

/** Without those of these names, which are in lower case; the same object where it has none. */
export function withoutHeaders(headers: Headers, drop: (name: string) => boolean): Headers {
  const all = [...pairsOf(headers)];
  const kept = all.filter(([name]) => !drop(name.toLowerCase()));
  if (kept.length === all.length) return headers;
  return kept.flatMap(([name, value]) =>
    Array.isArray(value) ? value.flatMap((each) => [name, String(each)]) : [name, String(value)],
  );
}

/** With one more. */
export function withHeader(headers: Headers, [name, value]: readonly [name: string, value: string]): Headers {
  const flat = [...pairsOf(headers)].flatMap(([each, given]) =>
    Array.isArray(given) ? given.flatMap((one) => [each, String(one)]) : [each, String(given)],
  );
  return [...flat, name, value];
}

/** A header of a response in undici's raw form: names and values in turn. `name` in lower case. */
export function rawHeaderOf(raw: readonly (Buffer | string)[], name: string): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const each = raw[i]!;
    if (each.length === name.length && each.toString('latin1').toLowerCase() === name) {
      return raw[i + 1]!.toString('latin1');
    }
  }
  return undefined;
}
