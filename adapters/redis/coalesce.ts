import type { Socket } from 'node:net';

/**
 * Held back at most, in characters: what comes beyond leaves at once, so that the server begins while the rest of a large tick is
 * still being put together, and no second copy of a large value is kept.
 */
const MAX_HELD = 65_536;

/**
 * From now on all that is written to the socket in one tick leaves in one write: a write is a system call, which costs more
 * than the command in it. Nothing waits for longer than the callbacks and promises that are due anyway. Strings are joined as
 * strings, which V8 does without copying; cork() would hand each over by itself.
 */
export function coalesceWrites(socket: Socket): void {
  const write = socket.write;
  const end = socket.end;
  let held = '';
  let due = false;

  const flush = (): void => {
    if (held === '') return;
    const text = held;
    held = '';
    write.call(socket, text);
  };
  const onTick = (): void => {
    due = false;
    flush();
  };

  socket.write = function (this: Socket, ...args: unknown[]): boolean {
    const [chunk] = args;
    if (typeof chunk !== 'string' || args.length > 1 || held.length + chunk.length > MAX_HELD) {
      flush();
      return (write as (...given: unknown[]) => boolean).apply(socket, args);
    }
    held += chunk;
    if (!due) {
      due = true;
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
