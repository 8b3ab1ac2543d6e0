import { dirname, join, normalize } from 'node:path';

/**
 * The house rules about who may import whom, as a checker over (path, text) pairs, so that the test of the rules can also show it bad samples.
 * Paths are relative to the repository and use forward slashes: `src/balancing/policy.ts`.
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

/** Everything else in the house builds on these; they build on nothing but each other. */
const CONTRACTS =
  /^src\/(endpoint\/endpoint|balancing\/policy|health\/(health|ejection-times)|discovery\/resolver|affinity\/affinity|runtime\/[^/]+)\.ts$/;

/** Rooms whose files know the contracts and their own room, nothing else. */
const CLOSED_ROOMS = ['balancing', 'health', 'discovery', 'affinity'];

/** Rooms that plug into a service from the side: they may name its type, but only the root composes. */
const SIDE_ROOMS = ['endpoint', 'resilience', 'routing', 'telemetry', 'config'];

/** Composition of the rooms: the files that sit in src/ itself. */
const COMPOSITION = /^src\/[^/]+\.ts$/;

/** Packages each part of the house may import; a name also allows its subpaths. */
const PACKAGES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^src\/discovery\/consul\//, ['consul']],
  [/^src\/discovery\/etcd\//, ['@grpc/grpc-js', 'etcd3']],
  [/^src\/balancing\/hashing\//, ['hashring']],
  [/^src\/(affinity|resilience)\//, ['lru-cache']],
  [/^src\/resilience\//, ['rate-limiter-flexible']],
  [/^src\/config\//, ['zod']],
  [/^src\/telemetry\//, ['@opentelemetry/api', 'prom-client', 'fastify']],
  [/^adapters\/grpc\//, ['@grpc/grpc-js']],
  [/^adapters\/connect\//, ['@connectrpc/connect', '@connectrpc/connect-node', '@bufbuild/protobuf']],
  [/^adapters\/otel\//, ['@opentelemetry/api']],
  [/^adapters\/mysql\//, ['mysql2', 'lru-cache']],
  [/^adapters\/redis\//, ['ioredis']],
  [/^adapters\/http\//, ['undici']],
  [/^adapters\/gateway\//, ['fastify', '@fastify/reply-from']],
];

const CLOCK = 'src/runtime/clock.ts';

/** Long enough for the longest sensible class with its documentation; a longer file holds two ideas. */
export const MAX_LINES = 400;

const TIME =
  /\b(Date\.now|performance\.now|process\.hrtime|setTimeout|setInterval|AbortSignal\.timeout)\b|\bnew Date\(\s*\)/;
const CHANCE = /\b(Math\.random|randomInt|randomBytes|randomUUID|getRandomValues|randomFill)\b/;

/** All rules that `file` breaks, each as a sentence. */
export function violations(file: SourceFile): string[] {
  const code = withoutComments(file.text);
  return [
    ...importsOf(file.path, code).flatMap((found) => judgeImport(file.path, found) ?? []),
    ...judgeSenses(file.path, code),
    ...judgeLength(file),
  ].map((problem) => `${file.path} ${problem}`);
}

function judgeImport(from: string, { target, local, typeOnly }: Import): string | undefined {
  if (!local) return judgePackage(from, target);
  if (from.startsWith('adapters/')) {
    const own = from.split('/').slice(0, 2).join('/');
    if (target === 'src/index.ts' || target.startsWith(`${own}/`)) return undefined;
    return `imports ${target}; an adapter imports src/index.ts and its own files only`;
  }
  if (!target.startsWith('src/')) return `imports ${target}, which is outside src/`;
  const isContract = CONTRACTS.test(target);
  if (CONTRACTS.test(from)) return isContract ? undefined : `imports ${target}; a contract imports contracts only`;
  const room = /^src\/([^/]+)\//.exec(from)?.[1];
  if (room === undefined || room === 'testing') return undefined;
  if (CLOSED_ROOMS.includes(room)) {
    return isContract || target.startsWith(`src/${room}/`)
      ? undefined
      : `imports ${target}; src/${room}/ imports contracts and its own room only`;
  }
  if (SIDE_ROOMS.includes(room) && !typeOnly && COMPOSITION.test(target))
    return `imports ${target}; only the root of src/ composes rooms`;
  return undefined;
}

function judgePackage(from: string, name: string): string | undefined {
  if (/^node:timers\b/.test(name)) return `imports ${name}; only ${CLOCK} arms timers`;
  if (name.startsWith('node:')) return undefined;
  const allowed = PACKAGES.some(
    ([where, names]) => where.test(from) && names.some((known) => name === known || name.startsWith(`${known}/`)),
  );
  return allowed ? undefined : `imports the package ${name}, which its place does not allow`;
}

function judgeSenses(path: string, code: string): string[] {
  const bare = withoutStrings(code);
  const problems: string[] = [];
  if (path !== CLOCK && TIME.test(bare))
    problems.push(`uses ${TIME.exec(bare)![0]}; only ${CLOCK} reads time or arms timers`);
  if (path !== 'src/runtime/random.ts' && CHANCE.test(bare))
    problems.push(`uses ${CHANCE.exec(bare)![0]}; only src/runtime/random.ts draws`);
  return problems;
}

function judgeLength({ text }: SourceFile): string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines > MAX_LINES ? [`has ${lines} lines, more than ${MAX_LINES}`] : [];
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
