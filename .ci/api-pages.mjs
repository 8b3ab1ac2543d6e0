// docs/api/: a page a door, of what its type declarations in dist/ say. `npm run docs:api` writes
// the pages anew after `npm run build`; with --check it fails where one is not as it would be
// written.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { ApiItemKind, ApiModel } from '@microsoft/api-extractor-model';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, 'docs', 'api');
const { exports: exported } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

const doors = Object.entries(exported)
  .filter(([, target]) => typeof target === 'object' && target.types)
  .map(([door, { types }]) => {
    const name = `fairlead${door.slice(1)}`;
    return { name, page: `${name.replaceAll('/', '-')}.md`, types: join(ROOT, types) };
  });

/** What API Extractor reads out of each door, by one compilation. */
function readDoors(work) {
  const compilerOptions = {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    skipLibCheck: true,
  };
  const off = { default: { logLevel: 'none' } };
  let compilerState;
  return doors.map((door) => {
    const apiJsonFilePath = join(work, `${door.page}.api.json`);
    const config = ExtractorConfig.prepare({
      configObjectFullPath: undefined,
      packageJsonFullPath: join(ROOT, 'package.json'),
      configObject: {
        projectFolder: ROOT,
        mainEntryPointFilePath: door.types,
        compiler: { overrideTsconfig: { compilerOptions, files: doors.map(({ types }) => types) } },
        apiReport: { enabled: false },
        docModel: { enabled: true, apiJsonFilePath },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: {
          compilerMessageReporting: { default: { logLevel: 'error' } },
          extractorMessageReporting: off,
          tsdocMessageReporting: off,
        },
      },
    });
    compilerState ??= CompilerState.create(config, { additionalEntryPoints: doors.map(({ types }) => types) });
    const messageCallback = (message) => {
      message.handled = message.logLevel !== 'error';
    };
    if (!Extractor.invoke(config, { localBuild: true, compilerState, messageCallback }).succeeded)
      throw new Error(`API Extractor cannot read ${door.name}`);
    return { door, items: new ApiModel().loadPackage(apiJsonFilePath).entryPoints[0].members };
  });
}

/** What API Extractor writes by itself over a constructor that has no words of its own. */
const GENERATED = /^Constructs a new instance of the `\w+` class$/;

/** The text of a doc comment, without what makes it a comment. */
function docOf(item) {
  const comment = item.tsdocComment?.emitAsTsdoc() ?? '';
  return (
    comment
      .split('\n')
      .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*)? ?/, '').replace(/\*\/\s*$/, ''))
      .join('\n')
      .replace(/\{@link(?:code)? ([^}|]+?)(?:\s*\|\s*([^}]+))?\}/g, (_, target, text) => `\`${text ?? target}\``)
      .replace(/@(?:remarks|privateRemarks)\s*/g, '')
      .replace(/@throws\s*/g, '**Throws** ')
      // Written to be read within a page of their own, not to be compiled.
      .replace(/^```ts$/gm, '```ts no-check')
      .replace(/@returns\s*/g, '**Returns** ')
      .replace(/@param\s+(\w+)\s+-?\s*/g, '`$1`: ')
      .replace(/@(?:deprecated)\s*/g, '**Deprecated** ')
      .replace(/@(?:public|sealed|virtual|readonly|override|internal)\b\s*/g, '')
      .trim()
      .replace(GENERATED, '')
  );
}

const declarationOf = (item) =>
  (item.excerpt?.text ?? item.displayName)
    .replace(/^export (declare )?/, '')
    .replace(/;$/, '')
    .trim();
const signatureOf = (item) => declarationOf(item).replace(/\s+/g, ' ');

/** In a list, of which it is one paragraph. */
const inline = (text) => text.replace(/\s*\n\s*/g, ' ');
const code = (text) => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``);

function memberLine(member) {
  const doc = inline(docOf(member));
  return `- ${code(signatureOf(member))}${doc === '' ? '' : `: ${doc}`}`;
}

/**
 * A constant stands in a declaration without a word that says so; the members of a union may have
 * comments of their own.
 */
function headOf(item) {
  if (item.kind === ApiItemKind.Namespace) return 'namespace';
  const declaration = declarationOf(item).replace(/ +$/gm, '');
  if (declaration.includes('/**')) return `\`\`\`ts no-check\n${declaration}\n\`\`\``;
  return `${item.kind === ApiItemKind.Variable ? 'value · ' : ''}${code(signatureOf(item))}`;
}

function section(item) {
  const members = 'members' in item && item.kind !== ApiItemKind.Function ? item.members : [];
  return [`### ${item.displayName}`, headOf(item), docOf(item), members.map(memberLine).join('\n')]
    .filter((part) => part !== '')
    .join('\n\n');
}

function pages() {
  const work = mkdtempSync(join(tmpdir(), 'fairlead-api-'));
  const written = new Map();
  const index = [];
  const home = new Map();
  try {
    for (const { door, items } of readDoors(work)) {
      const key = (item) => `${item.fileUrlPath} ${item.displayName} ${item.kind} ${item.overloadIndex ?? ''}`;
      const own = items.filter((item) => !home.has(key(item)));
      const borrowed = items.filter((item) => home.has(key(item)));
      const also = borrowed.map((item) => `[${item.displayName}](${home.get(key(item))})`);
      for (const item of own) home.set(key(item), `${door.page}#${item.displayName.toLowerCase()}`);
      const text = [
        `# ${door.name}`,
        `Made from the declarations of the package by \`npm run docs:api\`; what to do with them is said in the [documentation](../README.md).`,
        ...(also.length > 0 ? [`Also here, as another door has it: ${[...new Set(also)].join(' · ')}.`] : []),
        ...own.map(section),
      ];
      written.set(door.page, `${text.join('\n\n')}\n`);
      index.push(`| [\`${door.name}\`](${door.page}) | ${own.length} | ${borrowed.length} |`);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const head =
    '# Reference: what each door exports\n\n| door | names of its own | names that another door has too |\n|---|---|---|';
  written.set('README.md', `${head}\n${index.join('\n')}\n`);
  return written;
}

const written = pages();
if (process.argv.includes('--check')) {
  const there = existsSync(FOLDER) ? readdirSync(FOLDER) : [];
  const stale = [...written].filter(
    ([page, text]) => !there.includes(page) || readFileSync(join(FOLDER, page), 'utf8') !== text,
  );
  const left = there.filter((page) => !written.has(page));
  for (const page of [...stale.map(([name]) => name), ...left])
    console.error(`docs/api/${page} is not what the declarations say`);
  if (stale.length + left.length > 0) {
    console.error('npm run docs:api writes it anew');
    process.exitCode = 1;
  }
} else {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const [page, text] of written) writeFileSync(join(FOLDER, page), text);
}
