import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';

/** What a call asks a server for; it travels as JSON in a StringValue, so that both libraries can speak. */
export interface Request {
  readonly id: string;
  readonly delayMs: number;
  /** To answer by this status. */
  readonly code?: number;
  /** Messages of a stream, and the time between two. */
  readonly count?: number;
  readonly everyMs?: number;
  /** A stream that only its reader ends. */
  readonly endless?: boolean;
  /** Bytes that come back. */
  readonly padding?: string;
}

export interface Answer {
  readonly id: string;
  readonly server: string;
  readonly n: number;
  readonly padding?: string;
}

export const SERVICE = '/test.v1.Echo';

export const encode = (value: object): Buffer =>
  Buffer.from(toBinary(StringValueSchema, { $typeName: 'google.protobuf.StringValue', value: JSON.stringify(value) }));

export const decode = <T>(bytes: Buffer): T => JSON.parse(fromBinary(StringValueSchema, bytes).value || '{}') as T;
