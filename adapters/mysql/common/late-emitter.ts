import { EventEmitter } from 'node:events';

/**
 * An `EventEmitter` that makes its table of listeners with the first of them: for objects of one
 * call each, which seldom have any. Node's own constructor makes one of some 200 bytes at once; its
 * methods work without, as for whatever has them only by its prototype.
 */
export const LateEmitter: new () => EventEmitter = bare();

function bare(): new () => EventEmitter {
  function Emitter(): void {}
  const { prototype } = Object.assign(Emitter, { prototype: Object.create(EventEmitter.prototype) as object });
  Object.defineProperty(prototype, 'constructor', { value: Emitter, writable: true, configurable: true });
  // What else the constructor notes is the same for all; only the table must be each one's.
  const fresh = new EventEmitter();
  for (const note of Object.getOwnPropertySymbols(fresh))
    Object.defineProperty(prototype, note, { ...Object.getOwnPropertyDescriptor(fresh, note), enumerable: false });
  return Emitter as unknown as new () => EventEmitter;
}
