import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AptSource, mainArchive, readDeb822, readSourcesList } from './apt-sources.js';
import { withLock } from './lock.js';

const run = promisify(execFile);
const QUIET = { maxBuffer: 64 * 1024 * 1024 };

/**
 * Fetched packages live beside the sources, so that they survive test runs and are shared by them.
 */
export const CACHE: string = join(import.meta.dirname, '..', '..', '..', '.services');

const ARCHIVE_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface PackageSet {
  readonly name: string;
  /** Debian suite; it need not be this machine's, as each tree brings its own C library. */
  readonly suite: string;
  readonly packages: readonly string[];
}

/** Whether this machine can fetch at all: a Debian with its package tools. */
export function canFetch(): boolean {
  return (
    existsSync('/etc/debian_version') &&
    debianRelease() !== undefined &&
    existsSync('/usr/bin/apt-get') &&
    existsSync('/usr/bin/dpkg-deb')
  );
}

/**
 * Codename of this Debian release; undefined on anything else, derivatives included (their archives
 * lack our suites).
 */
export function debianRelease(): string | undefined {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (!/^ID=debian$/m.test(text)) return undefined;
  return /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] ?? 'sid';
}

/** The mirror this machine's own apt uses. */
function hostSource(): AptSource {
  const sources: AptSource[] = [];
  const parts = '/etc/apt/sources.list.d';
  if (existsSync('/etc/apt/sources.list'))
    sources.push(...readSourcesList(readFileSync('/etc/apt/sources.list', 'utf8')));
  for (const file of existsSync(parts) ? readdirSync(parts) : []) {
    if (file.endsWith('.list')) sources.push(...readSourcesList(readFileSync(join(parts, file), 'utf8')));
    if (file.endsWith('.sources')) sources.push(...readDeb822(readFileSync(join(parts, file), 'utf8')));
  }
  const source = mainArchive(sources, debianRelease() ?? '');
  if (!source) throw new Error("apt on this machine has no source for Debian's main archive");
  return source;
}

/**
 * The folder with the unpacked packages of `set` and of all they depend on, fetched by apt into a
 * place of its own: nothing is installed on the machine, no root is needed, and apt checks every
 * signature with the machine's archive keys. Returns at once when it was fetched before.
 */
export async function fetchPackages(set: PackageSet): Promise<string> {
  const root = join(CACHE, `root-${set.name}`);
  const wanted = JSON.stringify([set.suite, process.arch, ...set.packages]);
  const isThere = async () => (await readFile(join(root, '.complete'), 'utf8').catch(() => '')) === wanted;
  if (await isThere()) return root;
  await mkdir(CACHE, { recursive: true });
  return await withLock(`${root}.lock`, async () => {
    if (await isThere()) return root;
    const began = performance.now();
    process.stderr.write(`fetching ${set.packages.join(', ')} of Debian ${set.suite} … `);
    await rm(root, { recursive: true, force: true });
    const work = `${root}.partial`;
    await rm(work, { recursive: true, force: true });
    await download(set, join(work, 'apt'));
    await unpack(join(work, 'apt', 'cache', 'archives'), join(work, 'root'));
    await writeFile(join(work, 'root', '.complete'), wanted);
    await rename(join(work, 'root'), root);
    await rm(work, { recursive: true, force: true });
    process.stderr.write(`done in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
    return root;
  });
}

/**
 * Lets apt resolve and download the set against an empty list of installed packages, so that libc
 * and everything else comes too.
 */
async function download(set: PackageSet, apt: string): Promise<void> {
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
  await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFile(join(apt, 'status'), '');
  const source = hostSource();
  const key = await keyFile(source, apt);
  await writeFile(
    join(apt, 'sources.list'),
    `deb ${key ? `[signed-by=${key}] ` : ''}${source.uri} ${set.suite} main\n`,
  );
  const settings = {
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::Etc::preferences': '-',
    'Dir::Etc::preferencesparts': '-',
    'Dir::State': apt,
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'Dir::Cache::archives': join(apt, 'cache', 'archives'),
    'Debug::NoLocking': '1',
    'APT::Sandbox::User': 'root',
    'APT::Install-Recommends': '0',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  await run('apt-get', ['-q', ...options, 'update'], QUIET);
  await run('apt-get', ['-q', '-y', ...options, '--download-only', 'install', ...set.packages], QUIET);
}

/** The keyring to check the archive with; undefined leaves it to apt's own trusted keys. */
async function keyFile(source: AptSource, apt: string): Promise<string | undefined> {
  if (!source.signedBy?.includes('-----BEGIN'))
    return source.signedBy ?? (existsSync(ARCHIVE_KEYRING) ? ARCHIVE_KEYRING : undefined);
  const file = join(apt, 'archive-key.asc');
  await writeFile(file, source.signedBy);
  return file;
}

/** Unpacks every package's files, running none of its scripts. */
async function unpack(archives: string, root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  const packages = (await readdir(archives))
    .filter((file) => file.endsWith('.deb'))
    .map((file) => join(archives, file));
  if (packages.length === 0) throw new Error('apt downloaded no package');
  const script =
    'root=$1; shift; for deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink --no-same-owner || exit 1; done';
  await run('bash', ['-o', 'pipefail', '-c', script, 'unpack', root, ...packages], QUIET);
}
