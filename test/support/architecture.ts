import { dirname, join, normalize } from 'node:path';

/**
 * The house rules about who may import whom, as a checker over (path, text) pairs, so that the test
 * of the rules can also show it bad samples. Paths are relative to the repository and use forward
 * slashes: `src/balancing/policy.ts`.
 */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface Import {
  /** A path of this repository, or the name of a package. */
  readonly target: string;
  readonly local: boolean;
  /** Gone after compilation: `import type` or `export type`. */
  readonly typeOnly: boolean;
}

/**
 * The rooms of `src/`, bottom first; rooms on one line do not import each other. A file imports its
 * own room and rooms on lines below it: that is the whole rule. `docs/architecture.md` has the same
 * picture, and a test compares the two.
 */
export const ROOMS: readonly (readonly string[])[] = [
  ['runtime'],
  ['hashing', 'endpoint'],
  ['balancing', 'health', 'discovery'],
  ['affinity', 'telemetry'],
  ['picking'],
  ['resilience'],
  ['call'],
  ['service'],
  ['routing'],
  ['mesh.ts'],
  ['monitor'],
  ['config'],
  ['index.ts', 'adapter.ts', 'testing'],
];

/**
 * The inner rooms of adapters that have them, bottom first; what lies in an adapter's own folder is
 * on top of them.
 */
export const ADAPTER_ROOMS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  grpc: [['messages.ts'], ['common'], ['config'], ['calls'], ['connections']],
  mysql: [['common'], ['driver'], ['statement'], ['connections'], ['cluster'], ['session']],
  admin: [['options.ts'], ['state'], ['web', 'page']],
  tcp: [
    ['common', 'wire'],
    ['proxy', 'udp'],
  ],
  gateway: [['common'], ['head'], ['routes'], ['forward'], ['http2']],
  redis: [['common'], ['driver'], ['shards'], ['commands', 'failover'], ['handover']],
};

/** What an adapter may import of `src/`: the faces of the public doors. */
const FACES = [
  'src/index.ts',
  'src/adapter.ts',
  'src/resilience/index.ts',
  'src/hashing/index.ts',
  'src/routing/index.ts',
  'src/monitor/index.ts',
  'src/config/index.ts',
];

/** Adapters that read other adapters' messages, and may name their types. */
const READERS = ['adapters/otel', 'adapters/prometheus'];

/** Adapters that build on the face of another one. */
const BUILDS_ON: Readonly<Record<string, string>> = { 'adapters/gateway': 'adapters/http/index.ts' };

/** Packages each part of the house may import; a name also allows its subpaths. */
const PACKAGES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^src\/discovery\/consul\//, ['consul']],
  [/^src\/discovery\/etcd\//, ['@grpc/grpc-js']],
  [/^src\/hashing\//, ['hashring']],
  [/^src\/runtime\/load-yaml\.ts$/, ['yaml']],
  [/^src\/(affinity|resilience)\//, ['lru-cache']],
  [/^src\/resilience\//, ['rate-limiter-flexible']],
  [/^adapters\/grpc\//, ['@grpc/grpc-js']],
  [/^adapters\/connect\//, ['@connectrpc/connect', '@connectrpc/connect-node', '@bufbuild/protobuf']],
  [/^adapters\/otel\//, ['@opentelemetry/api']],
  [/^adapters\/mysql\//, ['mysql2', 'lru-cache']],
  [/^adapters\/redis\//, ['ioredis']],
  [/^adapters\/(http|gateway)\//, ['undici']],
  // Its page is made by the build, or where the sources run.
  [/^adapters\/admin\/(page\/|build-page\.ts)/, ['uplot', 'rolldown']],
];

const CLOCK = 'src/runtime/clock.ts';

/** The one listener of a signal, however many wait for it: Node warns from the eleventh on. */
const ABORT_AUDIENCE = 'src/runtime/abort-audience.ts';

/**
 * Long enough for the longest sensible class with its documentation; a longer file holds two ideas.
 */
export const MAX_LINES = 400;

/** A line that is read, not scanned. Tables, code and links in comments may be wider. */
export const MAX_COMMENT_COLUMNS = 100;

const TIME =
  /\b(Date\.now|performance\.now|process\.hrtime|setTimeout|setInterval|AbortSignal\.timeout)\b|\bnew Date\(\s*\)/;
const CHANCE = /\b(Math\.random|randomInt|randomBytes|randomUUID|getRandomValues|randomFill)\b/;

const ABORT = /\.addEventListener\(\s*['"]abort['"]/;

const REAL = /\b(systemClock|systemRandom)\b/;

/** All rules that `file` breaks, each as a sentence. */
export function violations(file: SourceFile): string[] {
  const code = withoutComments(file.text);
  return [
    ...importsOf(file.path, code).flatMap((found) => judgeImport(file.path, found) ?? []),
    ...judgeSenses(file.path, code),
    ...judgeLength(file),
    ...judgeComments(file),
  ].map((problem) => `${file.path} ${problem}`);
}

function judgeImport(from: string, { target, local, typeOnly }: Import): string | undefined {
  if (!local) return judgePackage(from, target);
  // On top of everything: what it needs of the inside, it takes.
  if (from.startsWith('cli/')) return undefined;
  if (from.startsWith('adapters/')) return judgeAdapterImport(from, target, typeOnly);
  if (!target.startsWith('src/')) return `imports ${target}, which is outside src/`;
  return judgeRooms(from, target, 'src', ROOMS);
}

function judgeAdapterImport(from: string, target: string, typeOnly: boolean): string | undefined {
  const own = from.split('/').slice(0, 2).join('/');
  if (target.startsWith(`${own}/`)) return judgeRooms(from, target, own, ADAPTER_ROOMS[own.split('/')[1]!] ?? []);
  if (FACES.includes(target)) return undefined;
  if (BUILDS_ON[own] === target) return undefined;
  if (READERS.includes(own) && typeOnly && /^adapters\/[^/]+\/(index|messages)\.ts$/.test(target)) return undefined;
  return `imports ${target}; an adapter imports the public doors of src/ and its own files only`;
}

/**
 * The one rule, for `src/` and for an adapter alike: a file imports its own room and rooms on lines
 * below it.
 */
function judgeRooms(
  from: string,
  target: string,
  house: string,
  rooms: readonly (readonly string[])[],
): string | undefined {
  const roomOf = (path: string): string => path.slice(house.length + 1).split('/')[0]!;
  const level = (room: string): number => {
    const line = rooms.findIndex((names) => names.includes(room));
    // In src/ every file has a room; what lies in an adapter's own folder uses all of its rooms.
    return line === -1 && house !== 'src' ? rooms.length : line;
  };
  const [mine, its] = [roomOf(from), roomOf(target)];
  if (level(mine) === -1) return `is in ${house}/${mine}, which is not a room of the house`;
  if (level(its) === -1) return `imports ${target}, which is in no room of the house`;
  if (mine === its || level(its) < level(mine)) return undefined;
  if (house !== 'src' && level(its) === rooms.length && level(mine) === rooms.length) return undefined;
  return `imports ${target}; a file imports its own room and rooms below it`;
}

function judgePackage(from: string, name: string): string | undefined {
  if (/^node:timers\b/.test(name)) return `imports ${name}; only ${CLOCK} arms timers`;
  if (name.startsWith('node:')) return undefined;
  const allowed = PACKAGES.some(
    ([where, names]) => where.test(from) && names.some((known) => name === known || name.startsWith(`${known}/`)),
  );
  return allowed ? undefined : `imports the package ${name}, which its place does not allow`;
}

/** Runs in a browser, which has no clock but its own. */
const BROWSER = 'adapters/admin/page/';

const CALLER = 'src/runtime/caller-context.ts';
/** A resource takes 80 bytes; a function bound to one takes 2.4 kB, and 10 µs or more. */
const RESOURCE = /\bAsyncResource\b|\bAsyncLocalStorage\.(?:bind|snapshot)\b/;

function judgeSenses(path: string, code: string): string[] {
  if (path.startsWith(BROWSER)) return [];
  const bare = withoutStrings(code);
  const problems: string[] = [];
  if (path.startsWith('adapters/') && REAL.test(bare))
    problems.push(`uses ${REAL.exec(bare)![0]}; an adapter takes its clock and its random numbers from the mesh`);
  if (path !== CLOCK && TIME.test(bare))
    problems.push(`uses ${TIME.exec(bare)![0]}; only ${CLOCK} reads time or arms timers`);
  if (path !== ABORT_AUDIENCE && ABORT.test(code))
    problems.push(`listens to an abort signal; only ${ABORT_AUDIENCE} does, by whenAborted`);
  if (path !== CALLER && RESOURCE.test(bare))
    problems.push(
      `uses ${RESOURCE.exec(bare)![0]}; only ${CALLER} makes async resources, and nothing binds functions to them`,
    );
  if (path !== 'src/runtime/random.ts' && CHANCE.test(bare))
    problems.push(`uses ${CHANCE.exec(bare)![0]}; only src/runtime/random.ts draws`);
  return problems;
}

function judgeLength({ text }: SourceFile): string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines > MAX_LINES ? [`has ${lines} lines, more than ${MAX_LINES}`] : [];
}

function judgeComments({ text }: SourceFile): string[] {
  let code = false;
  return text.split('\n').flatMap((line, i) => {
    const comment = /^\s*(?:\/\/|\/?\*\*?) ?(.*)$/.exec(line)?.[1];
    if (comment === undefined) return [];
    if (comment.startsWith('```')) code = !code;
    const exempt =
      code || /^( {4}|\|)/.test(comment) || comment.startsWith('biome-ignore') || /https?:\/\/\S+$/.test(comment);
    if (exempt || line.length <= MAX_COMMENT_COLUMNS) return [];
    return [`has a comment of ${line.length} columns in line ${i + 1}, more than ${MAX_COMMENT_COLUMNS}`];
  });
}

/** The files of this repository that `file` names in an import, whether of values or of types. */
export function localImports({ path, text }: SourceFile): string[] {
  return importsOf(path, withoutComments(text)).flatMap(({ target, local }) => (local ? [target] : []));
}

/** Static and dynamic imports, re-exports and require() calls with a literal name. */
function importsOf(path: string, code: string): Import[] {
  const statements = [
    ...code.matchAll(/(?:^|[\n;])\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]*?\sfrom\s+)?['"]([^'"]+)['"]/g),
  ];
  const calls = [...code.matchAll(/\b(?:import|require(?:\.resolve)?)\(\s*['"]([^'"]+)['"]/g)];
  return [
    ...statements.map((match) => resolve(path, match[2]!, match[1] !== undefined)),
    ...calls.map((match) => resolve(path, match[1]!, false)),
  ];
}

function resolve(from: string, name: string, typeOnly: boolean): Import {
  if (!name.startsWith('.')) return { target: name, local: false, typeOnly };
  return { target: normalize(join(dirname(from), name)).replace(/\.js$/, '.ts'), local: true, typeOnly };
}

/** Strings are matched first, so that a `//` inside one is not taken for a comment. */
function withoutComments(text: string): string {
  return text.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, string?: string) => string ?? ' ',
  );
}

function withoutStrings(code: string): string {
  return code.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''");
}
