import { vi } from 'vitest';
import { describeHandover } from './handover.js';

// The same specification; whoever imports ioredis gets version 5.
vi.mock('ioredis', () => import('ioredis5'));

describeHandover('5');
