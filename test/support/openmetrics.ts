/** A strict reader of OpenMetrics text, to test what we write against its rules. */
export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number };
}

interface ParsedFamily {
  readonly name: string;
  type: string;
  unit: string | undefined;
}

export function parseOpenMetrics(text: string): { families: ParsedFamily[]; samples: ParsedSample[] } {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.pop() !== '# EOF') throw new Error('it does not end with # EOF');
  const families: ParsedFamily[] = [];
  const samples: ParsedSample[] = [];
  const seen = new Set<string>();
  for (const line of lines) {
    const [, keyword, name, rest] = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === undefined) {
      samples.push(parseSample(line, families.at(-1), seen));
      continue;
    }
    if (keyword === 'HELP') {
      if (families.some((family) => family.name === name)) throw new Error(`${name} comes twice`);
      families.push({ name: name!, type: 'unknown', unit: undefined });
      continue;
    }
    const family = families.at(-1);
    if (family?.name !== name) throw new Error(`${line} does not belong to the family before it`);
    if (keyword === 'TYPE') family!.type = rest!;
    else family!.unit = rest!;
  }
  return { families, samples };
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

function parseSample(line: string, family: ParsedFamily | undefined, seen: Set<string>): ParsedSample {
  const match = /^([a-z_]+)(\{(?:[^"\\}]|"(?:[^"\\]|\\[\\"n])*")*\})? (\S+)(?: # (\{.*\}) (\S+) \d+\.\d{3})?$/su.exec(
    line,
  );
  if (match === null) throw new Error(`not a sample: ${line}`);
  const [, name, labels = '{}', value, exemplar, exemplarValue] = match;
  if (family === undefined || !SUFFIXES[family.type]!.some((suffix) => name === family.name + suffix)) {
    throw new Error(`${name} is no sample of ${family?.name}`);
  }
  if (seen.has(name + labels)) throw new Error(`${name}${labels} comes twice`);
  seen.add(name + labels);
  return {
    name: name!,
    labels: parseLabels(labels),
    value: parseNumber(value!),
    ...(exemplar !== undefined && {
      exemplar: { labels: parseLabels(exemplar), value: parseNumber(exemplarValue!) },
    }),
  };
}

function parseLabels(text: string): Record<string, string> {
  const found = [...text.slice(1, -1).matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/gsu)];
  if (found.map(([whole]) => whole).join('') !== text.slice(1, -1)) throw new Error(`not labels: ${text}`);
  const unescaped = (value: string): string => value.replace(/\\(.)/gs, (_, char) => (char === 'n' ? '\n' : char));
  return Object.fromEntries(found.map(([, name, value]) => [name, unescaped(value!)]));
}

function parseNumber(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (!/^-?[\d.]+(e[+-]?\d+)?$/.test(text)) throw new Error(`not a number: ${text}`);
  return Number(text);
}
