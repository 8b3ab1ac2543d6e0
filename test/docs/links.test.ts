import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(`${root}docs`).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];
const textOf = (page: string): string => readFileSync(root + page, 'utf8');
const proseOf = (page: string): string => textOf(page).replace(/```[\s\S]*?```/g, '');

/** The anchors that GitHub makes of headings. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(pages)('%s', (page) => {
  it('links to pages and headings that are there', () => {
    const dead = [...proseOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)/g)].flatMap(([, file, anchor]) => {
      const target = file === '' ? page : join(dirname(page), file!);
      const isThere = existsSync(root + target) && (anchor === '' || anchorsOf(target).includes(anchor!));
      return isThere ? [] : [`${file}#${anchor}`];
    });
    expect(dead).toEqual([]);
  });

  it('names files and scripts that are there', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const files = [...proseOf(page).matchAll(/`((?:src|adapters|test|integration|bench|examples|docs)\/[\w./-]+)`/g)];
    const commands = [...textOf(page).matchAll(/npm run ([\w:]+)/g)];
    expect(files.flatMap(([, path]) => (existsSync(root + path) ? [] : [path]))).toEqual([]);
    expect(commands.flatMap(([, name]) => (Object.hasOwn(scripts, name!) ? [] : [name]))).toEqual([]);
  });
});

describe('docs/architecture.md', () => {
  it('names no file that is not there', () => {
    const sources = ['src', 'adapters'].flatMap((room) =>
      readdirSync(root + room, { recursive: true, encoding: 'utf8' }).map((path) => `${room}/${path}`),
    );
    const named = [...proseOf('docs/architecture.md').matchAll(/`([\w/-]+\.ts)`/g)].map(([, path]) => path!);
    expect(named.length).toBeGreaterThan(60);
    const isThere = (path: string) => existsSync(root + path) || sources.some((each) => each.endsWith(`/${path}`));
    expect(named.filter((path) => !isThere(path))).toEqual([]);
  });
});
