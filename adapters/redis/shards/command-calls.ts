import { callCounter } from '../../../src/adapter.js';
import { type Endpoint, Outcome, type Service } from '../../../src/index.js';
import type { CommandCounter } from '../driver/command-times.js';
import { isOwn } from '../driver/driver.js';

/** What is needed of a shard. */
interface CountedShard {
  readonly service: Service;
  readonly endpoint: Endpoint;
  readonly closed: boolean;
}

export interface CommandCalls extends CommandCounter {
  /** One was not sent. */
  refused(): void;
}

/** The commands of a shard are calls of its service, as figures have them. */
export function commandCalls(shard: CountedShard): CommandCalls {
  const calls = callCounter(shard.service, 'redis');
  const { operations } = calls;
  return {
    get on() {
      return calls.on;
    },
    // By the name that ioredis has, in the letters of whoever sent it.
    seriesOf: (command) => (isOwn(command) ? undefined : operations.of(command.name, '', false)),
    failed: (name, status) => operations.of(name, status, true),
    refused: () => calls.refused(shard.endpoint),
    record: (outcome, micros) => {
      // What its own end cuts off says nothing about the server.
      const counted = outcome === Outcome.Failure && shard.closed ? Outcome.Cancelled : outcome;
      calls.record(shard.endpoint, counted, micros);
    },
  };
}
