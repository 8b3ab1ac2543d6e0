import { vi } from 'vitest';
import { describeFailover } from './failover.js';
import { describeGeneration } from './generation.js';

// The same specification; whoever imports ioredis gets version 5.
vi.mock('ioredis', () => import('ioredis5'));

describeFailover('5');
describeGeneration('5');
