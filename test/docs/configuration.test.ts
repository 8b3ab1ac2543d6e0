import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { documentSchema, optionTables, readDocs } from '../support/config-docs.js';

const docs = readDocs();
const page = new URL('../../docs/configuration.md', import.meta.url);
const schemaFile = new URL('../../docs/config.schema.json', import.meta.url);
const BETWEEN = /(<!-- options: generated[^\n]*-->\n)([\s\S]*?)(\n<!-- end -->)/;

const schema = documentSchema(docs);

if (process.env.GENERATE !== undefined) {
  writeFileSync(schemaFile, `${JSON.stringify(schema, undefined, 1)}\n`);
  const text = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    text.replace(BETWEEN, (_, head, __, foot) => `${head}\n${optionTables(docs)}\n${foot}`),
  );
}

describe('what is generated from the readers of options', () => {
  it('is the JSON Schema in the package', () => {
    expect(JSON.parse(readFileSync(schemaFile, 'utf8'))).toEqual(JSON.parse(JSON.stringify(schema)));
  });

  it('are the tables in docs/configuration.md: GENERATE=1 writes both', () => {
    expect(BETWEEN.exec(readFileSync(page, 'utf8'))?.[2]?.trim()).toBe(optionTables(docs).trim());
  });

  it('has words for every option', () => {
    const bare = optionTables(docs)
      .split('\n')
      .filter((line) => /^\| `.*\|\s*\|$/.test(line));
    expect(bare).toEqual([]);
  });
});
