import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The command that runs `path` of an unpacked tree: through the tree's own dynamic loader and
 * libraries, so that a program of a newer (or older) Debian than this machine's runs on it. `extra`
 * names further library folders of the tree.
 */
export function programIn(root: string, path: string, extra: readonly string[] = []): string[] {
  const folders = ['usr/lib', 'lib'].flatMap((lib) => {
    const at = join(root, lib);
    const triplets = existsSync(at) ? readdirSync(at).filter((name) => name.endsWith('-linux-gnu')) : [];
    return triplets.map((name) => join(at, name));
  });
  const loader = folders.flatMap((at) =>
    readdirSync(at)
      .filter((name) => /^ld-linux.*\.so\.\d+$/.test(name))
      .map((name) => join(at, name)),
  )[0];
  if (!loader) throw new Error(`no dynamic loader under ${root}`);
  const libraries = [...folders, ...extra.map((name) => join(root, name))].join(':');
  return [loader, '--library-path', libraries, join(root, path)];
}
