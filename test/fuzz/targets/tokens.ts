import { affinityTokens, createMesh, staticResolver } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { expect } from 'vitest';
import { SessionTokens } from '../../../adapters/mysql/session/session-token.js';
import { tokenKeys } from '../../../src/affinity/signed-text.js';
import { CANARY, type FuzzTarget } from '../target.js';

const clock = new ManualClock();
const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1', '127.0.0.1:2'] }), clock });
const { endpoints } = mesh.service('users');
const secret = CANARY.repeat(4);
const affinity = affinityTokens({ keys: [{ id: 'k', secret }], audience: 'users', clock } as never);
const sessions = new SessionTokens(tokenKeys([{ id: 'k', secret }], 'keys'), 'mysql', 1_000, clock);
const issued = affinity.issue(endpoints[0]!);
const mark = { positions: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5', pending: 'nothing' } as never;
const session = sessions.issue(mark);

export const tokens: readonly FuzzTarget[] = [
  {
    name: 'affinity-token',
    examples: [issued],
    words: ['.', '=', '-', '_', 'v1.', '..'],
    read(input) {
      const text = input.toString('latin1');
      const found = affinity.read(text, endpoints);
      // Nothing but what was issued leads anywhere.
      if (text !== issued) expect(found).toBeUndefined();
    },
  },
  {
    name: 'session-token',
    examples: [session],
    words: ['.', '=', '-', '_', 'v1.', '..'],
    read(input) {
      const text = input.toString('latin1');
      const read = sessions.read(text);
      if (text !== session && text !== '') expect(read).toBeUndefined();
    },
  },
];
