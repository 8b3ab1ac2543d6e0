import { addressOf, type EndpointSpec, isWeight, MAX_WEIGHT, MIN_WEIGHT } from '../endpoint/endpoint.js';
import { invalidOption, textList } from '../runtime/options.js';
import type { EndpointInput } from './resolver.js';

const KEYS: readonly string[] = [
  'id',
  'host',
  'port',
  'weight',
  'registeredWeight',
  'priority',
  'zone',
  'tags',
  'meta',
  'healthy',
];

/**
 * The spec a user means by `'127.0.0.1:5001'`, `'[::1]:5001'` or an object. Defaults: id
 * `host:port`, weight 1, priority 0, no zone, tags or meta, healthy. Throws
 * FAIRLEAD_INVALID_OPTION.
 */
export function readEndpoint(input: EndpointInput, name: string): EndpointSpec {
  if (typeof input === 'string') return complete(parseAddress(input, name));
  if (typeof input !== 'object' || input === null) throw invalidOption(name, input, "'host:port' or an object");
  for (const key of Object.keys(input)) {
    if (!KEYS.includes(key)) throw invalidOption(`${name}.${key}`, 'unknown', `one of ${KEYS.join(', ')}`);
  }
  const { id, port, priority, zone, tags, meta, healthy } = input;
  if (id !== undefined && (typeof id !== 'string' || id === '')) {
    throw invalidOption(`${name}.id`, id, 'a string that is not empty');
  }
  const host = readHost(input.host, `${name}.host`);
  checkPort(port, `${name}.port`);
  for (const key of ['weight', 'registeredWeight'] as const) {
    const weight = input[key];
    if (weight === undefined || isWeight(weight)) continue;
    throw invalidOption(`${name}.${key}`, weight, `a number from ${MIN_WEIGHT} to ${MAX_WEIGHT}`);
  }
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 127)) {
    throw invalidOption(`${name}.priority`, priority, 'a whole number from 0 to 127');
  }
  if (zone !== undefined && typeof zone !== 'string') throw invalidOption(`${name}.zone`, zone, 'a string');
  textList()(tags, `${name}.tags`);
  if (meta !== undefined && !isRecordOfText(meta)) throw invalidOption(`${name}.meta`, meta, 'an object of strings');
  if (healthy !== undefined && typeof healthy !== 'boolean') {
    throw invalidOption(`${name}.healthy`, healthy, 'true or false');
  }
  return complete({ ...input, host });
}

/** Brackets around IPv6 belong to `host:port`; a driver would look them up as a name. */
function readHost(host: unknown, name: string): string {
  if (typeof host === 'string') {
    const bare = /^\[(.+)\]$/.exec(host)?.[1] ?? host;
    if (/^[^\s/[\]]+$/.test(bare) && !bare.startsWith('unix:')) return bare;
  }
  throw invalidOption(name, host, 'a host name or address; sockets of the file system are not supported');
}

function isRecordOfText(value: unknown): boolean {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.values(value).every((each) => typeof each === 'string');
}

function complete(input: Partial<EndpointSpec> & Pick<EndpointSpec, 'host' | 'port'>): EndpointSpec {
  return {
    id: input.id ?? addressOf(input),
    host: input.host,
    port: input.port,
    weight: input.weight ?? 1,
    priority: input.priority ?? 0,
    zone: input.zone ?? '',
    tags: input.tags ?? [],
    meta: input.meta ?? {},
    ...(input.healthy === false && { healthy: false }),
    ...(input.registeredWeight !== undefined && { registeredWeight: input.registeredWeight }),
  };
}

function parseAddress(address: string, name: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(address);
  if (match === null) throw invalidOption(name, address, "'host:port', with brackets around IPv6");
  const port = Number(match[3]);
  checkPort(port, name);
  return { host: (match[1] ?? match[2])!, port };
}

function checkPort(port: unknown, name: string): void {
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) {
    throw invalidOption(name, port, 'a port from 1 to 65535');
  }
}
