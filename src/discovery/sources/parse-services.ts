import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { readYaml } from '../../runtime/load-yaml.js';
import { lineAndColumn, parseJson, repeatedName } from '../../runtime/parse-text.js';
import { readEndpoint } from '../endpoint-input.js';
import type { EndpointInput } from '../resolver.js';

export type Services = ReadonlyMap<string, readonly EndpointSpec[]>;

export type FileFormat = 'json' | 'yaml';

export function formatOf(path: string): FileFormat {
  return /\.ya?ml$/i.test(path) ? 'yaml' : 'json';
}

/**
 * The services in a text: an object of lists, each of `'host:port'` or objects as `staticResolver`
 * takes them. Rejects with an Error that says what is wrong, and where.
 */
export async function parseServices(text: string, format: FileFormat): Promise<Services> {
  const document = format === 'yaml' ? await parseYaml(text) : parseServicesJson(text);
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new Error('it is not an object of services');
  }
  const services = new Map<string, readonly EndpointSpec[]>();
  for (const [service, list] of Object.entries(document)) {
    if (!Array.isArray(list)) throw new Error(`${service} is not a list of endpoints`);
    services.set(
      service,
      list.map((each: EndpointInput, at) => readEndpoint(each, `${service}[${at}]`)),
    );
  }
  return services;
}

function parseServicesJson(text: string): unknown {
  const value = parseJson(text);
  const repeated = repeatedName(text);
  if (repeated === undefined) return value;
  const { line, column } = lineAndColumn(text, repeated);
  throw new Error(`a name stands twice in one object: see line ${line}, column ${column}`);
}

async function parseYaml(text: string): Promise<unknown> {
  const { value, isYaml, problems } = await readYaml(text, 'A file');
  const [first] = problems;
  if (first === undefined) return value;
  const { line, column } = lineAndColumn(text, first.offset);
  const what = isYaml ? 'its YAML is refused' : 'it is not YAML';
  throw new Error(`${what}: ${first.message}: see line ${line}, column ${column}`);
}
