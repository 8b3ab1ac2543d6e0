/**
 * Whether the campaign would notice: mends are taken out one by one (`mutants/*.patch`), and the
 * campaign runs over each until it breaks a promise.
 *
 *     npm run campaign:mutants -- --minutes 10 --only redis-03
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(import.meta.dirname, 'mutants');

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seeds: { type: 'string', default: '1000,2000,3000' },
    only: { type: 'string' },
    'round-seconds': { type: 'string', default: '15' },
  },
});

interface Mutant {
  readonly name: string;
  readonly says: string;
  readonly part: string;
  /** What counts as noticed: on a busy machine other promises are broken by themselves. */
  readonly breaks: string;
}

/**
 * The lines before the patch say what is taken out, by which part it should be noticed, and which
 * promise is broken then (a regular expression; any, where there is none).
 */
function readPatch(file: string): Mutant {
  const [says = '', part = '', third = ''] = readFileSync(join(FOLDER, file), 'utf8').split('\n');
  const breaks = third.startsWith('breaks: ') ? third.slice('breaks: '.length) : '';
  return { name: file.slice(0, -'.patch'.length), part: part.replace('part: ', ''), says, breaks };
}

const COPIED = ['src', 'adapters', 'integration', 'package.json', 'tsconfig.json'];

/** The sources as they are now: they may be edited while the mutants run. */
const sources = mkdtempSync(join(tmpdir(), 'fairlead-mutants-'));
for (const each of COPIED) cpSync(join(ROOT, each), join(sources, each), { recursive: true });

/** The sources with the patch, in a folder of their own. */
function mutated(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-mutant-'));
  for (const each of COPIED) cpSync(join(sources, each), join(folder, each), { recursive: true });
  for (const each of ['node_modules', '.services']) symlinkSync(join(ROOT, each), join(folder, each));
  execFileSync('git', ['apply', '--unsafe-paths', join(FOLDER, `${name}.patch`)], { cwd: folder });
  return folder;
}

/** The first promise that was broken, and after how many seconds; undefined where none was. */
async function run(
  folder: string,
  { part, breaks }: Mutant,
  seed: string,
): Promise<{ promise: string; seconds: number } | undefined> {
  const began = performance.now();
  const program = ['--conditions=fairlead-source', 'integration/campaign/main.ts'];
  const args = ['--seed', seed, '--minutes', values.minutes, '--only', part, '--shrink-runs', '0', '--until', breaks];
  const child = spawn(
    join(ROOT, 'node_modules/.bin/tsx'),
    [...program, ...args, '--round-seconds', values['round-seconds']],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code === 0) return undefined;
  const promise = /^violations: (.*)$/m.exec(output)?.[1];
  if (promise !== undefined && !/^until: found$/m.test(output)) return undefined;
  // A campaign that broke off found nothing.
  if (promise === undefined) console.error(`${part}, seed ${seed}: ended by ${code}\n${output.slice(-2_000)}`);
  return promise === undefined ? undefined : { promise, seconds: Math.round((performance.now() - began) / 1_000) };
}

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.patch') && file.includes(values.only ?? ''));
let found = 0;
for (const mutant of files.sort().map(readPatch)) {
  const { name, says } = mutant;
  const folder = mutated(name);
  try {
    let result: Awaited<ReturnType<typeof run>>;
    let seeds = 0;
    for (const seed of values.seeds.split(',')) {
      seeds++;
      result = await run(folder, mutant, seed);
      if (result === undefined) continue;
      console.log(`| ${name} | ${says} | seed ${seed}, ${result.seconds} s | ${result.promise} |`);
      break;
    }
    if (result! === undefined)
      console.log(`| ${name} | ${says} | not found, ${seeds} seeds of ${values.minutes} min | |`);
    else found++;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
rmSync(sources, { recursive: true, force: true });
console.log(`found ${found} of ${files.length}`);
