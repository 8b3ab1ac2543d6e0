import { EventEmitter } from 'node:events';

/**
 * An `EventEmitter` that makes its table of listeners with the first of them: for objects of one
 * call each, which seldom have any. Node's own constructor makes one of some 200 bytes at once; its
 * methods work without, as for whatever has them only by its prototype.
 */
export const LateEmitter: new () => EventEmitter = bare();

function bare(): new () => EventEmitter {
  function Emitter(): void {}
  Emitter.prototype = Object.create(EventEmitter.prototype, {
    constructor: { value: Emitter, writable: true, configurable: true },
  });
  return Emitter as unknown as new () => EventEmitter;
}
