import type { ConnectTransportOptions, GrpcTransportOptions } from '@connectrpc/connect-node';
import { checkSecureContext, optionReaders } from '../../src/adapter.js';

/** What the transport of each endpoint is made with; where it goes is not for the user to say. */
type Free<T> = Omit<T, 'baseUrl' | 'sessionManager' | 'httpVersion' | 'defaultTimeoutMs'>;

export type EndpointTransportOptions = Free<GrpcTransportOptions> &
  Partial<Free<ConnectTransportOptions & { httpVersion: '2' }>>;

const { boolean, integer, invalidOption, isRecord, number, optional, readOptions } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

/** What connect-node can read and write of one message, in bytes: a little less than 4 GiB. */
const MAX_BYTES = 0xffffffff;

const object: Reader<object | undefined> = (value, name) => {
  if (value === undefined || isRecord(value)) return value;
  throw invalidOption(name, value, 'an object');
};

const interceptors: Reader<unknown> = (value, name) => {
  const isFunction = (each: unknown): boolean => typeof each === 'function';
  if (value === undefined || (Array.isArray(value) && value.every(isFunction))) return value;
  throw invalidOption(name, value, 'an array of functions');
};

const isCompression = (value: unknown): boolean =>
  isRecord(value) &&
  typeof value.name === 'string' &&
  typeof value.compress === 'function' &&
  typeof value.decompress === 'function';

const compression: Reader<unknown> = (value, name) => {
  if (value === undefined || isCompression(value)) return value;
  throw invalidOption(name, value, 'a compression of connect-node, such as compressionGzip');
};

const compressions: Reader<unknown> = (value, name) => {
  if (value === undefined || (Array.isArray(value) && value.every(isCompression))) return value;
  throw invalidOption(name, value, 'an array of compressions of connect-node, such as [compressionGzip]');
};

/** connect-node takes what a timer cannot count to for never. */
const milliseconds = (min: number): Reader<unknown> => optional(number(min, min, Number.POSITIVE_INFINITY));

const nodeOptions: Reader<unknown> = (value, name) => {
  const given = object(value, name);
  if (given !== undefined) checkSecureContext(name, given as object);
  return given;
};

const ofBoth = {
  useBinaryFormat: optional(boolean(true)),
  interceptors,
  jsonOptions: object,
  binaryOptions: object,
  acceptCompression: compressions,
  sendCompression: compression,
  compressMinBytes: optional(integer(1_024, 0, MAX_BYTES)),
  readMaxBytes: optional(integer(MAX_BYTES, 1, MAX_BYTES)),
  writeMaxBytes: optional(integer(MAX_BYTES, 1, MAX_BYTES)),
  nodeOptions,
  pingIntervalMs: milliseconds(1),
  pingIdleConnection: optional(boolean(false)),
  pingTimeoutMs: milliseconds(1),
  idleConnectionTimeoutMs: milliseconds(0),
};

const ofConnect = { ...ofBoth, useHttpGet: optional(boolean(false)) };

/**
 * Checks what connect-node is given: it takes any name and nearly any value, and what it makes of
 * a wrong one shows in the first call, or never. Returns what was given.
 */
export function readEndpointTransport(value: unknown, name: string, protocol: unknown): EndpointTransportOptions {
  if (value === undefined) return {};
  readOptions<Record<string, unknown>>(name, value, protocol === 'connect' ? ofConnect : ofBoth);
  return value as EndpointTransportOptions;
}
