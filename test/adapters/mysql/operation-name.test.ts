import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { operationName } from '../../../adapters/mysql/statement/operation-name.js';

describe('the name of a statement for metrics', () => {
  it.each([
    ['SELECT 1', 'SELECT'],
    ['  insert\tinto t values (1)', 'INSERT'],
    ['((select 1) union (select 2))', 'SELECT'],
    ['/* a */ -- b\n # c\n/* d * / */update t set a = 1', 'UPDATE'],
    ['with a as (select 1) select * from a', 'WITH'],
    ['SELECT', 'SELECT'],
    ['start transaction', 'START'],
  ])('of %j is %s', (sql, name) => expect(operationName(sql)).toBe(name));

  it.each([
    '',
    '   ',
    '/* never ends SELECT',
    '-- only',
    '/*!50000 SELECT 1 */',
    'selects 1',
    '1',
    '`select`',
    'ſelect 1',
  ])('of %j is one that all such texts share', (sql) => expect(operationName(sql)).toBe('_OTHER'));

  it('is of a bounded list, whatever callers send', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (sql) => void expect(operationName(sql)).toMatch(/^[A-Z_]+$/)),
    );
    expect(operationName(`${'/* */('.repeat(100_000)}select 1`)).toBe('SELECT');
  });
});
