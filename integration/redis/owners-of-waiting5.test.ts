import { vi } from 'vitest';
import { describeOwnersOfWaiting } from './owners-of-waiting.js';

// The same specification; whoever imports ioredis gets version 5.
vi.mock('ioredis', () => import('ioredis5'));

describeOwnersOfWaiting('5');
