/**
 * Where this machine gets Debian's main archive from, as its own apt is set up: read from one-line
 * `sources.list` files and from deb822 `*.sources` files (sources.list(5)). Only the mirror and its
 * key are taken; the suite is ours to choose.
 */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Path of a keyring, or an armoured key block itself (deb822 allows both). */
  readonly signedBy: string | undefined;
}

/** The parts of `deb [signed-by=…] uri suite component…`. */
function readLine(line: string): AptSource | undefined {
  const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line);
  if (!match) return undefined;
  const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(match[1] ?? '')?.[1];
  return { uri: match[2]!, suites: [match[3]!], components: words(match[4]), signedBy };
}

/** Sources of a one-line-style file. */
export function readSourcesList(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => readLine(line) ?? []);
}

/**
 * Sources of a deb822 file: stanzas of `Field: value`, continued by indented lines, separated by
 * blank ones.
 */
export function readDeb822(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const stanza of text.replace(/^#.*\n?/gm, '').split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    for (const [, name, value] of stanza.matchAll(/^([\w-]+):((?:.*)(?:\n[ \t].*)*)/gm))
      fields.set(name!.toLowerCase(), value!);
    if (/^\s*no\s*$/i.test(fields.get('enabled') ?? '') || !words(fields.get('types')).includes('deb')) continue;
    const suites = words(fields.get('suites'));
    const components = words(fields.get('components'));
    for (const uri of words(fields.get('uris')))
      sources.push({ uri, suites, components, signedBy: keyOf(fields.get('signed-by')) });
  }
  return sources;
}

/**
 * The source that carries Debian's main archive of release `codename`: not its security or
 * backports archive, nor another vendor's.
 */
export function mainArchive(sources: readonly AptSource[], codename: string): AptSource | undefined {
  const fit = sources.filter((s) => s.components.includes('main') && /^(https?|file|mirror\+\w+|copy):/.test(s.uri));
  return (
    fit.find((s) => s.suites.includes(codename)) ??
    fit.find((s) => s.suites.some((suite) => /^(stable|testing|unstable|sid)$/.test(suite)))
  );
}

function words(value: string | undefined): string[] {
  return (value ?? '').split(/\s+/).filter((word) => word !== '');
}

function keyOf(value: string | undefined): string | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  if (!value.includes('-----BEGIN')) return value.trim();
  // In deb822 an embedded key is indented by one space, and a lone dot stands for an empty line.
  return `${value
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .map((line) => (line === '.' ? '' : line))
    .join('\n')}\n`;
}
