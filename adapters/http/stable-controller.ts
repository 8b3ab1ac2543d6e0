import type { Dispatcher } from 'undici';

type Controller = Dispatcher.DispatchController;

/** The attempt behind it. */
interface Controlled {
  readonly controller: Controller | undefined;
  pause(): void;
  resume(): void;
}

/** What the caller's handler holds, whichever attempt is behind it. */
export class StableController implements Controller {
  #attempt: Controlled | undefined;
  readonly #abort: (reason: Error) => void;
  #reason: Error | null = null;

  constructor(abort: (reason: Error) => void) {
    this.#abort = abort;
  }

  serve(attempt: Controlled): void {
    this.#attempt = attempt;
  }

  get aborted(): boolean {
    return this.#reason !== null;
  }

  get reason(): Error | null {
    return this.#reason;
  }

  get paused(): boolean {
    return this.#attempt?.controller?.paused ?? false;
  }

  get rawHeaders(): NonNullable<Controller['rawHeaders']> | null {
    return this.#attempt?.controller?.rawHeaders ?? null;
  }

  get rawTrailers(): NonNullable<Controller['rawTrailers']> | null {
    return this.#attempt?.controller?.rawTrailers ?? null;
  }

  pause(): void {
    this.#attempt?.pause();
  }

  resume(): void {
    this.#attempt?.resume();
  }

  abort(reason: Error): void {
    this.#reason = reason;
    this.#abort(reason);
  }
}
