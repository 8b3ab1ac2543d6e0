import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { FairleadError, toError } from '../../runtime/errors.js';
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
  const { parse } = await yaml();
  try {
    const value: unknown = parse(text, { prettyErrors: false, logLevel: 'error' });
    refuseCycles(value);
    return value;
  } catch (thrown) {
    throw new Error(`it is not YAML: ${yamlMessage(toError(thrown).message)}`);
  }
}

/** Loaded for YAML files alone: it is an optional peer. */
async function yaml(): Promise<typeof import('yaml')> {
  try {
    return await import('yaml');
  } catch (thrown) {
    throw new FairleadError(
      'FAIRLEAD_DISCOVERY',
      'YAML needs the package `yaml` beside fairlead (npm install yaml), or write the file as JSON.',
      { cause: toError(thrown) },
    );
  }
}
