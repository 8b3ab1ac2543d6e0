import type { CampaignPart } from '../part.js';
import { calls } from './calls/part.js';
import { connect, grpc } from './grpc/part.js';
import { mysql } from './mysql/part.js';
import { redis } from './redis/part.js';
import { web } from './web/part.js';

/** One line for each part. */
export const parts: readonly CampaignPart[] = [redis, grpc, connect, mysql, web, calls];
