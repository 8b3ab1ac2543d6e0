import type { Dice } from '../dice.js';
import type { Script, Step } from '../script.js';
import type { Order } from './server.js';

const KINDS = ['Unary', 'Server', 'Client', 'Bidi', 'Nothing'] as const;

/** Calls of every kind, each with what its caller does to it. */
export function grpcScript(dice: Dice, length: number): Script {
  return {
    options: dice.some(0.3, {
      'grpc.max_receive_message_length': 2_000,
      'grpc.max_send_message_length': 2_000,
      interceptor: dice.pick(['passes', 'adds']),
      serviceConfig: dice.pick(['timeout', 'retry', 'none']),
    }),
    steps: dice.times(length, () => call(dice)),
  };
}

function order(dice: Dice): Order {
  return {
    ...dice.some(0.3, {
      count: dice.below(4),
      bytes: dice.pick([0, 10, 3_000, 70_000]),
      headers: true,
      trailers: true,
    }),
    ...dice.some(0.15, {
      code: 1 + dice.below(16),
      details: dice.text().replaceAll('\0', ''),
      throws: true,
      endsAfter: 1 + dice.below(2),
    }),
  };
}

function call(dice: Dice): Step {
  const kind = dice.weighted([
    [4, 'Unary'],
    [3, 'Server'],
    [3, 'Client'],
    [3, 'Bidi'],
    [1, 'Nothing'],
  ] as const) satisfies (typeof KINDS)[number];
  const silent = dice.chance(0.15);
  return {
    op: 'call',
    kind,
    requests: dice.times(kind === 'Client' || kind === 'Bidi' ? dice.below(4) : 1, () => ({
      ...order(dice),
      ...(silent && { silent }),
    })),
    metadata: dice.some(0.3, {
      'x-text': dice.pick(['a', 'b c', 'grpc']),
      'x-bytes-bin': dice.text(),
      'grpc-previous-rpc-attempts': '3',
    }),
    // What has no answer is ended by its caller.
    ends: silent
      ? dice.pick(['cancel at once', 'cancel later', 'deadline'])
      : dice.weighted([
          [6, 'by itself'],
          [1, 'cancel at once'],
          [2, 'cancel later'],
          [1, 'cancel at data'],
          [1, 'deadline'],
          [1, 'deadline passed'],
        ]),
    how: dice.pick(['events', 'events', 'for await', 'half-closed late', 'waitForReady']),
  };
}
