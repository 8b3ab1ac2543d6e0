import { vi } from 'vitest';
import { describeRedis } from './redis/describe.js';

// The same scripts; whoever imports ioredis gets version 5.
vi.mock('ioredis', () => import('ioredis5'));

describeRedis('5');
