import type { Redis } from 'ioredis';

/** Types of ioredis that it does not export, taken from the methods that use them. */
export type WriteableStream = NonNullable<Parameters<Redis['sendCommand']>[1]>;
export type Callback<T> = (error?: Error | null, result?: T) => void;
