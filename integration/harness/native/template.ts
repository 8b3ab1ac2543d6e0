import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from './lock.js';

const run = promisify(execFile);

/**
 * A data folder that `initialise` filled once for the package tree `root`; it is kept inside that
 * tree, so that a newly fetched tree gets a new one. Servers start from copies, which takes half a
 * second where initialising takes five.
 */
export async function templateOf(root: string, initialise: (data: string) => Promise<void>): Promise<string> {
  const template = join(root, 'template');
  if (existsSync(template)) return template;
  return await withLock(`${root}.lock`, async () => {
    if (existsSync(template)) return template;
    const partial = `${template}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial);
    await initialise(partial);
    await rename(partial, template);
    return template;
  });
}

/** Copies a template into an empty folder, sharing blocks where the file system can. */
export async function copyTemplate(template: string, data: string): Promise<void> {
  await run('cp', ['-a', '--reflink=auto', `${template}/.`, data]);
}
