import { vi } from 'vitest';
import { describeOneShard } from './one-shard.js';

// The same specification; whoever imports ioredis gets version 5.
vi.mock('ioredis', () => import('ioredis5'));

describeOneShard('5', [{}, { keyPrefix: 'app:' }, { stringNumbers: true, db: 2 }]);
