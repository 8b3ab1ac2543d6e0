import type { FuzzTarget } from '../target.js';
import { configuration } from './configuration.js';
import { consul } from './consul.js';
import { dns } from './dns.js';
import { etcd } from './etcd.js';
import { grpc } from './grpc.js';
import { http } from './http.js';
import { mysql } from './mysql.js';
import { redis } from './redis.js';
import { tcp } from './tcp.js';
import { tokens } from './tokens.js';

/** Everything that reads foreign bytes. */
export const targets: readonly FuzzTarget[] = [
  ...configuration,
  ...consul,
  ...dns,
  ...etcd,
  ...grpc,
  ...http,
  ...mysql,
  ...redis,
  ...tcp,
  ...tokens,
];
