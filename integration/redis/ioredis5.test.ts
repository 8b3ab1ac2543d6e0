import { vi } from 'vitest';
import { describeCommands } from './commands.js';

// The same specification; whoever imports ioredis gets version 5.
vi.mock('ioredis', () => import('ioredis5'));

describeCommands('5');
