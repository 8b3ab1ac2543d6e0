import { addressOf, type EndpointSpec, MAX_WEIGHT, MIN_WEIGHT } from '../endpoint/endpoint.js';
import {
  boolean,
  described,
  fields,
  integer,
  invalidOption,
  isRecord,
  number,
  optional,
  type Reader,
  text,
  textList,
} from '../runtime/options.js';

/** Brackets around IPv6 belong to `host:port`; a driver would look them up as a name. */
const HOST = /^(?!unix:|\[unix:)(?:\[[^\s/[\]]+\]|[^\s/[\]]+)$/;
const host: Reader<string> = described({ shape: { type: 'text', pattern: HOST }, required: true }, (value, name) => {
  if (typeof value === 'string' && HOST.test(value)) return value.replace(/^\[(.+)\]$/, '$1');
  throw invalidOption(name, value, 'a host name or address; sockets of the file system are not supported');
});

const port: Reader<number> = described(
  { shape: { type: 'integer', min: 1, max: 65_535 }, required: true },
  (value, name) => {
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535) return value as number;
    throw invalidOption(name, value, 'a port from 1 to 65535');
  },
);

const anyText: Reader<string> = described({ shape: { type: 'text', mayBeEmpty: true } }, (value, name) => {
  if (typeof value === 'string') return value;
  throw invalidOption(name, value, 'a string');
});

const meta: Reader<Readonly<Record<string, string>>> = described(
  { shape: { type: 'map', values: anyText } },
  (value, name) => {
    if (isRecord(value) && Object.values(value).every((each) => typeof each === 'string')) {
      return value as Record<string, string>;
    }
    throw invalidOption(name, value, 'an object of strings');
  },
);

type Input = { readonly [Key in keyof EndpointSpec]-?: EndpointSpec[Key] | undefined } & {
  readonly host: string;
  readonly port: number;
};

const readSpec: Reader<Input> = fields<Input>({
  id: optional(text('')),
  host,
  port,
  weight: optional(number(1, MIN_WEIGHT, MAX_WEIGHT)),
  registeredWeight: optional(number(1, MIN_WEIGHT, MAX_WEIGHT)),
  priority: optional(integer(0, 0, 127)),
  zone: optional(anyText),
  tags: optional(textList()),
  meta: optional(meta),
  healthy: optional(boolean(true)),
});

const ADDRESS = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/;
const address: Reader<{ host: string; port: number }> = described(
  { shape: { type: 'text', pattern: ADDRESS } },
  (value, name) => {
    const match = typeof value === 'string' ? ADDRESS.exec(value) : null;
    if (match === null) throw invalidOption(name, value, "'host:port', with brackets around IPv6");
    return { host: (match[1] ?? match[2])!, port: port(Number(match[3]), name) };
  },
);

/**
 * The spec a user means by `'127.0.0.1:5001'`, `'[::1]:5001'` or an object. Defaults: id
 * `host:port`, weight 1, priority 0, no zone, tags or meta, healthy. Throws
 * FAIRLEAD_INVALID_OPTION.
 */
export const readEndpoint: Reader<EndpointSpec> = described(
  { shape: { type: 'choice', of: [address, readSpec] } },
  (input, name) => {
    if (typeof input === 'string') return complete(address(input, name));
    if (typeof input !== 'object' || input === null) throw invalidOption(name, input, "'host:port' or an object");
    return complete(readSpec(input, name));
  },
);

/** Endpoints by service, as `staticResolver` takes them. */
export const readEndpointLists: Reader<Readonly<Record<string, readonly EndpointSpec[]>>> = (() => {
  const list: Reader<readonly EndpointSpec[]> = described(
    { shape: { type: 'list', items: readEndpoint } },
    (value, name) => {
      if (Array.isArray(value)) return value.map((each, index) => readEndpoint(each, `${name}[${index}]`));
      throw invalidOption(name, value, 'an array of endpoints');
    },
  );
  return described({ shape: { type: 'map', values: list } }, (value, name) => {
    if (value !== undefined && !isRecord(value)) throw invalidOption(name, value, 'an object of endpoints by service');
    return Object.fromEntries(
      Object.entries(value ?? {}).map(([service, each]) => [service, list(each, `${name}.${service}`)]),
    );
  });
})();

function complete(
  input: { readonly [Key in keyof EndpointSpec]?: EndpointSpec[Key] | undefined } & Pick<EndpointSpec, 'host' | 'port'>,
): EndpointSpec {
  const spec = {
    id: input.id ?? addressOf(input),
    host: input.host,
    port: input.port,
    weight: input.weight ?? 1,
    priority: input.priority ?? 0,
    zone: input.zone ?? '',
    tags: input.tags ?? [],
    meta: input.meta ?? {},
  };
  const { healthy, registeredWeight } = input;
  if (healthy !== false && registeredWeight === undefined) return spec;
  return {
    ...spec,
    ...(healthy === false && { healthy }),
    ...(registeredWeight !== undefined && { registeredWeight }),
  };
}
