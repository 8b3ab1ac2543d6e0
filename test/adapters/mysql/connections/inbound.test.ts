import { AsyncLocalStorage } from 'node:async_hooks';
import { CallerContext } from 'fairlead/adapter';
import { expect, it } from 'vitest';
import { Inbound, type Question } from '../../../../adapters/mysql/connections/inbound.js';
import type { DriverConnection, DriverParser } from '../../../../adapters/mysql/driver/driver.js';

const store = new AsyncLocalStorage<string>();

/** In whose context the driver reads what arrives. */
function readIn(question: Question | undefined): string | undefined {
  let seen: string | undefined;
  const packetParser: DriverParser = {
    execute: () => {
      seen = store.getStore();
    },
  };
  const connection = { packetParser } as DriverConnection;
  const inbound = new Inbound(connection);
  inbound.attribute(connection);
  inbound.caller = store.run('the caller', () => new CallerContext());
  inbound.question = question;
  packetParser.execute(Buffer.alloc(1));
  return seen;
}

it('is read in the context of its caller, unless none of the caller’s code runs meanwhile', () => {
  expect(readIn({})).toBe('the caller');
  expect(readIn({ isQuiet: false })).toBe('the caller');
  expect(readIn(undefined)).toBe('the caller');
  expect(readIn({ isQuiet: true })).toBe(undefined);
});
