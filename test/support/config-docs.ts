import { readdirSync, readFileSync } from 'node:fs';
import { builtinPolicies } from '../../src/balancing/builtin.js';
import { PolicyRegistry } from '../../src/balancing/registry.js';
import { DocumentReaders } from '../../src/config/document.js';
import type { Reader } from '../../src/runtime/options.js';
import type { Description, ObjectShape, Shape } from '../../src/runtime/shape.js';
import { isForPrograms } from '../../src/service/layers.js';

type Json = { readonly [key: string]: unknown };

/** The reader that all that is generated describes. */
export const documentReader: Reader<object> = new DocumentReaders(new PolicyRegistry(builtinPolicies)).document;

const REFERENCE = '\\$\\{env:[A-Za-z_]\\w*\\}';

/** Of a service: it stands in a document in two places. */
const serviceShape: Shape = byService('services');
const routingShape: Shape = byService('routing');

/** It holds itself: some resolvers are made of others. */
export const resolverShape: Shape = shapeAt('resolver');

function byService(section: 'services' | 'routing'): Shape {
  return (shapeAt(section) as Extract<Shape, { type: 'map' }>).values.about!.shape;
}

function shapeAt(section: string): Shape {
  const fields = (documentReader.about!.shape as ObjectShape).fields as Record<string, Reader<unknown>>;
  return fields[section]!.about!.shape;
}

const DEFINED: ReadonlyMap<Shape, string> = new Map([
  [serviceShape, 'service'],
  [resolverShape, 'resolver'],
]);

/** The JSON Schema of a document. */
export function documentSchema(docs: Docs): Json {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A configuration of fairlead',
    ...schemaOf(documentReader, docs),
    definitions: { service: shapeSchema(serviceShape, docs), resolver: shapeSchema(resolverShape, docs) },
  };
}

/** The JSON Schema of what a reader takes from a document. */
function schemaOf(reader: Reader<unknown>, docs: Docs): Json {
  const { about } = reader;
  if (about === undefined) return {};
  const definition = DEFINED.get(about.shape);
  const schema = definition === undefined ? shapeSchema(about.shape, docs) : { $ref: `#/definitions/${definition}` };
  return about.fallback === undefined ? schema : { ...schema, default: about.fallback };
}

function shapeSchema(shape: Shape, docs: Docs): Json {
  switch (shape.type) {
    case 'boolean':
      return { type: 'boolean' };
    case 'enum':
      return { enum: shape.values };
    case 'number':
    case 'integer':
      return {
        type: shape.type,
        ...(shape.above ? { exclusiveMinimum: shape.min } : { minimum: shape.min }),
        ...(Number.isFinite(shape.max) && { maximum: shape.max }),
      };
    case 'text': {
      if (shape.secret) return { type: 'string', pattern: `^${REFERENCE}$` };
      const plain = { type: 'string', ...(!shape.mayBeEmpty && { minLength: 1 }) };
      if (shape.pattern === undefined) return plain;
      return { ...plain, anyOf: [{ pattern: shape.pattern.source }, { pattern: REFERENCE }] };
    }
    case 'list': {
      const { min, max, items } = shape;
      return {
        type: 'array',
        items: schemaOf(items, docs),
        ...(min && { minItems: min }),
        ...(max && { maxItems: max }),
      };
    }
    case 'map':
      return {
        type: 'object',
        additionalProperties: schemaOf(shape.values, docs),
        ...(shape.names && { propertyNames: { pattern: shape.names.source } }),
        ...(shape.min && { minProperties: shape.min }),
        ...(shape.max && { maxProperties: shape.max }),
      };
    case 'choice':
      return { anyOf: shape.of.map((each) => schemaOf(each, docs)) };
    case 'named':
      return {
        anyOf: [
          { enum: Object.keys(shape.names).filter((name) => !needsOptions(shape.names[name]!)) },
          {
            type: 'object',
            minProperties: 1,
            maxProperties: 1,
            additionalProperties: false,
            properties: Object.fromEntries(
              Object.entries(shape.names).map(([name, each]) => [
                name,
                schemaOf(each, shape === resolverShape ? ofKind(docs, name) : docs),
              ]),
            ),
          },
        ],
      };
    case 'object': {
      const fields = documented(shape);
      const required = Object.keys(fields).filter((name) => fields[name]!.about?.required);
      const names = Object.keys(fields);
      return {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(
          names.map((name) => {
            const description = docs(name, names);
            return [name, { ...(description !== undefined && { description }), ...schemaOf(fields[name]!, docs) }];
          }),
        ),
        ...(required.length > 0 && { required }),
        ...(shape.one && { oneOf: shape.one.map((name) => ({ required: [name] })) }),
        ...(shape.some && { anyOf: shape.some.map((name) => ({ required: [name] })) }),
      };
    }
    case 'code':
      throw new Error('only a program can give it');
  }
}

/** Whether the name alone says too little. */
function needsOptions({ about }: Reader<unknown>): boolean {
  if (about?.shape.type !== 'object') return false;
  return (Object.values(about.shape.fields) as Reader<unknown>[]).some((field) => field.about?.required === true);
}

/** The options that a document can give. */
function documented(shape: ObjectShape): Record<string, Reader<unknown>> {
  const fields = Object.entries(shape.fields) as [string, Reader<unknown>][];
  return Object.fromEntries(fields.filter(([, reader]) => !isForPrograms(reader)));
}

/** What the source says of an option, among these beside it, of a thing that is called so. */
export type Docs = (name: string, beside: readonly string[], of?: string) => string | undefined;

/** Words about one kind of resolver: several have options of one name. */
const ofKind = (docs: Docs, kind: string): Docs => {
  return (name, beside, of = kind) => docs(name, beside, of);
};

/** The comments of options in the interfaces of `src/`: the one place where they are described. */
export function readDocs(): Docs {
  const root = new URL('../../src/', import.meta.url);
  const found: { readonly title: string; readonly keys: Set<string>; readonly docs: Map<string, string> }[] = [];
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue;
    const text = readFileSync(new URL(path, root), 'utf8');
    for (const [, title, body] of text.matchAll(/^(?:export )?interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)) {
      const docs = new Map<string, string>();
      for (const [, doc, key] of body!.matchAll(
        /^ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(?:readonly )?(\w+)\??:/gm,
      )) {
        docs.set(key!, doc!.replace(/\s*\n\s*\*\s*/g, ' ').trim());
      }
      found.push({
        title: title!.toLowerCase(),
        keys: new Set([...body!.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, key]) => key!)),
        docs,
      });
    }
  }
  return (name, beside, of = '?') => {
    const likeness = ({ title, keys }: (typeof found)[number]): number =>
      Number(title.includes(of)) + beside.filter((each) => keys.has(each)).length / (1 + keys.size);
    const best = found.filter(({ docs }) => docs.has(name)).sort((a, b) => likeness(b) - likeness(a))[0];
    return best?.docs.get(name);
  };
}

/** The tables of all options of a document, as `docs/configuration.md` has them. */
export function optionTables(docs: Docs): string {
  const sections: string[] = [];
  const queue: Queue = [
    ...resolverTables(docs),
    ['A service, in `services` and `defaults`', serviceShape as ObjectShape],
    ['How calls to a service are routed, in `routing`', routingShape as ObjectShape],
    ['`gateway`', shapeAt('gateway') as ObjectShape],
    ['`alerts`', shapeAt('alerts') as ObjectShape],
  ];
  for (let i = 0; i < queue.length; i++) {
    const [title, each, own = docs] = queue[i]!;
    const rows = [...new Set(rowsOf('', each, own, queue))];
    const table = rows.length === 0 ? ['No options.'] : [HEAD, ...rows];
    sections.push([`### ${title}`, '', ...table, ...rulesOf(each).map((rule) => `\n${rule}.`)].join('\n'));
  }
  return sections.join('\n\n');
}

/** A resolver by itself; what holds others has a row for those, which is all. */
function resolverTables(docs: Docs): Queue {
  const { names } = resolverShape as Extract<Shape, { type: 'named' }>;
  return Object.entries(names).flatMap(
    ([name, { about }]): Queue =>
      about?.shape.type === 'object' ? [[`\`resolver\`: \`${name}\``, about.shape, ofKind(docs, name)]] : [],
  );
}

const HEAD = '| option | takes | default | what it does |\n|---|---|---|---|';

type Queue = [title: string, shape: ObjectShape, docs?: Docs][];

function rulesOf({ rules = [], one, some }: ObjectShape): string[] {
  const list = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
  return [
    ...(one ? [`Exactly one of ${list(one)}`] : []),
    ...(some ? [`At least one of ${list(some)}`] : []),
    ...rules,
  ];
}

function rowsOf(prefix: string, shape: ObjectShape, docs: Docs, queue: Queue): string[] {
  const fields = documented(shape);
  const names = Object.keys(fields);
  return names.flatMap((name) => {
    const { about } = fields[name]!;
    const path = prefix + name;
    const cells = [
      `\`${path}\``,
      takes(about, name),
      fallbackOf(about),
      withoutCells(docs(name, names) ?? '', name).replaceAll('|', '\\|'),
    ];
    return [`| ${cells.join(' | ')} |`, ...(about === undefined ? [] : below(path, about.shape, docs, queue))];
  });
}

/**
 * The words of a comment without the default, the range and the unit that have cells of their own.
 */
function withoutCells(words: string, name: string): string {
  const alone = words.replace(/\. Default [\d.,]+; [\d.,]+ to (?:[\d.,]+|Infinity)\.$/, '.');
  return name.endsWith('Ms') ? alone.replace(/; milliseconds\.$/, '.') : alone;
}

/** The rows of the options within an option; those under names get tables of their own. */
function below(path: string, shape: Shape, docs: Docs, queue: Queue): string[] {
  if (shape.type === 'object') return rowsOf(`${path}.`, shape, docs, queue);
  if (shape.type === 'choice')
    return shape.of.flatMap((each) => (each.about ? below(path, each.about.shape, docs, queue) : []));
  if (shape.type === 'list') return shape.items.about ? below(path, shape.items.about.shape, docs, queue) : [];
  if (shape.type === 'map') return shape.values.about ? below(`${path}.*`, shape.values.about.shape, docs, queue) : [];
  // What has tables of its own needs no others.
  if (shape.type !== 'named' || shape === resolverShape || path === 'routes.policy') return [];
  for (const [name, { about }] of Object.entries(shape.names)) {
    if (about?.shape.type === 'object') queue.push([`\`${path}\`: \`${name}\``, about.shape]);
  }
  return [];
}

function takes(about: Description | undefined, name: string): string {
  if (about === undefined) return 'anything';
  const { shape } = about;
  switch (shape.type) {
    case 'boolean':
      return '`true`, `false`';
    case 'enum':
      return shape.values.map((each) => `\`${each}\``).join(', ');
    case 'number':
    case 'integer': {
      const unit = /Ms$/.test(name) ? ' ms' : '';
      const from = shape.above ? `above ${shape.min}` : format(shape.min);
      return `${shape.type === 'integer' ? 'whole number, ' : ''}${from} to ${format(shape.max)}${unit}`;
    }
    case 'text':
      return shape.secret ? 'text, as a reference only' : 'text';
    case 'list':
      return `list of: ${takes(shape.items.about, name)}`;
    case 'map':
      return 'object';
    case 'object':
      return 'object';
    case 'choice':
      return [...new Set(shape.of.map((each) => takes(each.about, name)))].join(', or ');
    case 'named':
      return 'a name, or a name with its options';
    case 'code':
      return '';
  }
}

function format(value: number): string {
  return value >= Number.MAX_SAFE_INTEGER ? 'any' : value.toLocaleString('en-US', { maximumFractionDigits: 9 });
}

function fallbackOf(about: Description | undefined): string {
  if (about?.required) return 'required';
  const { fallback } = about ?? {};
  if (fallback === undefined || (typeof fallback === 'number' && Number.isNaN(fallback))) return '';
  return `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``;
}
