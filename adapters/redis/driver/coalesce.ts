import type { Socket } from 'node:net';

/**
 * HeldCommands back at most, in characters: what comes beyond leaves at once, so that the server
 * begins while the rest of a large tick is still being put together, and no second copy of a large
 * value is kept.
 */
const MAX_HELD = 65_536;

/**
 * After this many ticks with one write each, assume one command at a time.
 */
const ALONE_AFTER = 4;

/**
 * From now on all that is written to the socket in one tick leaves in one write: a write is a
 * system call, which costs more than the command in it. Nothing waits for longer than the callbacks
 * and promises that are due anyway. Strings are joined as strings, which V8 does without copying;
 * cork() would hand each over by itself.
 *
 * Where one command is sent at a time there is nothing to join, and each leaves at once, so that
 * its server works while this process does the rest. `unanswered`: the commands that were written
 * and not answered; as soon as there is one when another is written, they are joined again.
 * `joins` is told when writes begin to be joined, and when those have left.
 */
export function coalesceWrites(
  socket: Socket,
  unanswered: () => number,
  joins?: ((joining: boolean) => void) | undefined,
): void {
  const write = socket.write;
  const end = socket.end;
  let held = '';
  let due = false;
  let writes = 0;
  /**
   * Ticks in a row that had one write. From ALONE_AFTER on nothing is held, until there are several
   * again.
   */
  let alone = 0;

  const flush = (): void => {
    if (held === '') return;
    const text = held;
    held = '';
    write.call(socket, text);
  };
  const onTick = (): void => {
    alone = writes === 1 ? alone + 1 : 0;
    due = false;
    writes = 0;
    joins?.(false);
    flush();
  };
  const pass = write as (this: Socket, ...given: unknown[]) => boolean;

  socket.write = function (this: Socket, chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    const plain = typeof chunk === 'string' && encoding === undefined && callback === undefined;
    if (alone >= ALONE_AFTER) {
      if (plain && unanswered() === 0) return pass.call(socket, chunk);
      alone = 0;
    }
    if (!plain || held.length + chunk.length > MAX_HELD) {
      flush();
      return pass.call(socket, chunk, encoding, callback);
    }
    held += chunk;
    writes++;
    if (!due) {
      due = true;
      joins?.(true);
      process.nextTick(onTick);
    }
    return !socket.writableNeedDrain;
  } as Socket['write'];

  // What was written before the end is sent before it.
  socket.end = function (this: Socket, ...args: unknown[]): Socket {
    flush();
    return (end as (...given: unknown[]) => Socket).apply(socket, args);
  } as Socket['end'];
}
