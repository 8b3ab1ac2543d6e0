// As on a machine where no optional peer of fairlead is installed: none of them is found.
import { register } from 'node:module';

const PEERS = [
  'undici',
  'mysql2',
  'ioredis',
  '@grpc/grpc-js',
  'yaml',
  '@opentelemetry/api',
  '@connectrpc/connect',
  'rate-limiter-flexible',
];
const hook = `
const peers = ${JSON.stringify(PEERS)};
export function resolve(specifier, context, next) {
  const name = peers.find((peer) => specifier === peer || specifier.startsWith(peer + '/'));
  if (name === undefined) return next(specifier, context);
  const message = "Cannot find package '" + name + "' imported from " + context.parentURL;
  throw Object.assign(new Error(message), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
