import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { toError } from '../../runtime/errors.js';
import { loadYaml } from '../../runtime/load-yaml.js';
import { parseJson, refuseCycles, yamlMessage } from '../../runtime/parse-text.js';
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
  const document = format === 'yaml' ? await parseYaml(text) : parseJson(text);
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

async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await loadYaml('A file');
  try {
    const value: unknown = parse(text, { prettyErrors: false, logLevel: 'error' });
    refuseCycles(value);
    return value;
  } catch (thrown) {
    throw new Error(`it is not YAML: ${yamlMessage(toError(thrown).message)}`);
  }
}
