import { describeRedis } from './redis/describe.js';

describeRedis('6');
