import { expect, it } from 'vitest';
import { askRow } from '../../../../adapters/mysql/driver/ask-row.js';
import type { DriverConnection, QueryCallback } from '../../../../adapters/mysql/driver/driver.js';

it('calls back once for a question, though the driver reports its loss and then its timeout', () => {
  let report: QueryCallback | undefined;
  const connection = {
    query: (_question: unknown, _values: unknown, callback: QueryCallback) => {
      report = callback;
    },
  } as unknown as DriverConnection;
  const heard: unknown[] = [];
  askRow(connection, { sql: 'SELECT 1', timeout: 100 }, (error) => heard.push((error as Error).message));
  report?.(new Error('Connection lost'));
  report?.(new Error('Query inactivity timeout'));
  expect(heard).toEqual(['Connection lost']);
});
