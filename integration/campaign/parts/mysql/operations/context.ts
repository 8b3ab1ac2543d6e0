import type { createPool } from 'fairlead/mysql/promise';
import type { Random } from 'fairlead/testing';
import type { RowDataPacket } from 'mysql2/promise';
import type { ClientHistory } from '../../../history.js';
import { judge } from '../judge.js';

export type CampaignPool = ReturnType<typeof createPool>;
export type Connection = Awaited<ReturnType<CampaignPool['getConnection']>>;

export interface OperationContext {
  readonly pool: CampaignPool;
  readonly history: ClientHistory;
  readonly keys: number;
  readonly name: string;
  readonly flavor: 'mysql' | 'mariadb';
  /** False: sessions begin with `autocommit = 0`, and what is written needs a COMMIT. */
  readonly autocommits: boolean;
  /** For values that are written once. */
  unique: number;
  /** What the first session of this client found, before anybody had used it. */
  asNew: string | undefined;
}

export type Act = (context: OperationContext, worker: number, random: Random) => Promise<unknown>;

export const TEXTS: readonly string[] = ['', "it's", 'ä€ß語😀', '\\', '\0', '%_', '`"`', '\r\n', 'e\u0301'];

export const WRITE = 'REPLACE INTO registers (k, v) VALUES (?, ?)';
export const READ = 'SELECT v FROM registers WHERE k = ?';

export const pick = <T>(random: Random, ...values: readonly T[]): T => values[random.below(values.length)]!;
export const key = ({ keys }: OperationContext, random: Random): string => `k${random.below(keys)}`;
export const fresh = (context: OperationContext, random: Random): string =>
  `${context.name}-${context.unique++} ${pick(random, ...TEXTS)}`;

/** A connection for as long as `use` takes. */
export async function onConnection<T>(
  { pool }: Pick<OperationContext, 'pool'>,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await pool.getConnection();
  try {
    return await use(connection);
  } finally {
    connection.release();
  }
}

/** One statement that writes, and a COMMIT where there has to be one. */
export function writing(
  context: OperationContext,
  send: (on: Pick<Connection, 'query' | 'execute'>) => Promise<unknown>,
): Promise<unknown> {
  if (context.autocommits) return send(context.pool);
  return onConnection(context, async (connection) => {
    await send(connection);
    await connection.commit();
  });
}

/** Of a connection: its first row. */
export async function row(connection: Connection, sql: string, values: unknown[] = []): Promise<RowDataPacket> {
  const [rows] = await connection.query<RowDataPacket[]>(sql, values);
  return rows[0]!;
}

export async function registerOf(on: Pick<Connection, 'query'>, k: string, options: object = {}): Promise<unknown> {
  const [rows] = await on.query<RowDataPacket[]>({ sql: READ, values: [k], ...options } as never);
  return rows[0]?.v ?? null;
}

/** Runs `act` as an operation of this name, judged as all of MySQL are. */
export function record<T>(
  { history }: OperationContext,
  worker: number,
  [name, k, input]: readonly [name: string, key: string, input?: unknown],
  act: () => Promise<T>,
): Promise<T | undefined> {
  return history.run(worker, name, k, input ?? null, act, judge);
}

export type { RowDataPacket };
