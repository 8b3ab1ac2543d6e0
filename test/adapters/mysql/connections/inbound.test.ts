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
  connection.packetParser!.execute(Buffer.alloc(1));
  return seen;
}

it('is read in the context of its caller, unless none of the caller’s code runs meanwhile', () => {
  expect(readIn({})).toBe('the caller');
  expect(readIn({ isQuiet: false })).toBe('the caller');
  expect(readIn(undefined)).toBe('the caller');
  expect(readIn({ isQuiet: true })).toBe(undefined);
});

it('is read in that context also after a packet that arrived in parts', () => {
  const seen: (string | undefined)[] = [];
  const note = (): void => void seen.push(store.getStore());
  // As mysql2's does: what reads the rest takes the place of what reads the beginning, and back.
  const packetParser: DriverParser = {
    execute() {
      note();
      this.execute = () => {
        note();
        this.execute = note;
      };
    },
  };
  const connection = { packetParser } as DriverConnection;
  const inbound = new Inbound(connection);
  inbound.attribute(connection);
  for (const name of ['a', 'b', 'c', 'd']) {
    inbound.caller = store.run(name, () => new CallerContext());
    connection.packetParser!.execute(Buffer.alloc(1));
  }
  expect(seen).toEqual(['a', 'b', 'c', 'd']);
});
