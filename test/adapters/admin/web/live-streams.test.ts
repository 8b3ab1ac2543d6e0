import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../../adapters/admin/state/merge-patch.js';
import { LiveStreams } from '../../../../adapters/admin/web/live-streams.js';

/** A reader that keeps what was written to it, and reads it, or does not. */
class Reader extends EventEmitter {
  readonly written: string[] = [];
  writableLength = 0;
  readonly reads: boolean;
  destroyed = false;

  constructor(reads = true) {
    super();
    this.reads = reads;
  }

  writeHead(): void {}

  write(text: string): void {
    this.written.push(text);
    if (!this.reads) this.writableLength += text.length;
  }

  end(): void {
    this.emit('close');
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function start(read: () => Json = () => ({ n: 1 })) {
  const clock = new ManualClock();
  const calls: string[] = [];
  const streams = new LiveStreams(clock, 1_000, {
    open: () => calls.push('open'),
    read: () => {
      calls.push('read');
      return read();
    },
    close: () => calls.push('close'),
  });
  const add = (reader: Reader): boolean => streams.add(reader as unknown as ServerResponse);
  return { clock, calls, streams, add };
}

describe('streams of what a page shows', () => {
  it('tell the whole at first, and what changed at every beat, worked out once for all', () => {
    let n = 0;
    const { clock, calls, add } = start(() => ({ same: 'x', n: ++n }));
    const [one, two] = [new Reader(), new Reader()];
    add(one);
    add(two);
    clock.advance(2_000);
    expect(one.written).toEqual([
      'event: state\ndata: {"same":"x","n":1}\n\n',
      'event: patch\ndata: {"n":2}\n\n',
      'event: patch\ndata: {"n":3}\n\n',
    ]);
    expect(two.written).toEqual(one.written);
    expect(calls).toEqual(['open', 'read', 'read', 'read']);
  });

  it('read nothing and hold no timer before the first reader and after the last', () => {
    const { clock, calls, add, streams } = start();
    clock.advance(60_000);
    expect(calls).toEqual([]);
    const reader = new Reader();
    add(reader);
    reader.emit('close');
    clock.advance(60_000);
    expect([calls, streams.size]).toEqual([['open', 'read', 'close'], 0]);
  });

  it('drop a reader that does not read, and go on for the others', () => {
    let n = 0;
    const { clock, add, streams } = start(() => ({ text: `${++n}`.padEnd(50_000, 'x') }));
    const [slow, quick] = [new Reader(false), new Reader()];
    add(slow);
    add(quick);
    clock.advance(20_000);
    expect([slow.destroyed, quick.destroyed, streams.size]).toEqual([true, false, 1]);
    expect(slow.written.length).toBeLessThan(10);
    expect(quick.written.length).toBe(21);
  });

  it('are so many and no more, and end together', () => {
    const { add, streams } = start();
    const readers = Array.from({ length: 33 }, () => new Reader());
    expect(readers.map(add).filter(Boolean)).toHaveLength(32);
    streams.close();
    expect(streams.size).toBe(0);
  });
});
