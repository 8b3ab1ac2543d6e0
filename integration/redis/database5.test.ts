import { vi } from 'vitest';
import { databases } from './database.js';

vi.mock('ioredis', () => import('ioredis5'));

databases('5');
