import { FairleadError, toError } from '../runtime/errors.js';
import { invalidOption, type Reader, readOptions, unchecked } from '../runtime/options.js';
import { type CloseOptions, readClose } from './shutdown.js';

export interface CloseOnSignalsOptions extends CloseOptions {
  /** Default `['SIGTERM', 'SIGINT']`. */
  readonly signals?: readonly NodeJS.Signals[];
}

/** What is closed: a mesh. */
interface Closable {
  close(options?: CloseOptions): Promise<void>;
}

/** No process hears of these. */
const UNHEARD: ReadonlySet<string> = new Set(['SIGKILL', 'SIGSTOP']);

const signalNames: Reader<readonly NodeJS.Signals[]> = (value, name) => {
  if (value === undefined) return ['SIGTERM', 'SIGINT'];
  const { constants } = process.getBuiltinModule('node:os');
  const isName = (each: unknown): boolean =>
    typeof each === 'string' && Object.hasOwn(constants.signals, each) && !UNHEARD.has(each);
  if (Array.isArray(value) && value.length > 0 && value.every(isName)) return value;
  throw invalidOption(name, value, "an array of signals, such as ['SIGTERM']");
};

/**
 * Closes the mesh at the first of these signals, and then ends the process by it, as if nothing had
 * listened; the second ends it at once. A process with other listeners of the signal is left to
 * them. Returns a function that stops listening. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * closeOnSignals(mesh, { drain: () => new Promise((resolve) => server.close(resolve)) });
 * ```
 */
export function closeOnSignals(mesh: Closable, options: CloseOnSignalsOptions = {}): () => void {
  // At the signal it would be too late.
  if (typeof (mesh as Closable | null | undefined)?.close !== 'function') {
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      'closeOnSignals: its first argument is no mesh of createMesh().',
    );
  }
  const { signals } = readOptions<Record<'deadlineMs' | 'drain', unknown> & { signals: readonly NodeJS.Signals[] }>(
    'closeOnSignals',
    options,
    {
      signals: signalNames,
      // Read by readClose: at the signal it would be too late.
      deadlineMs: unchecked(),
      drain: unchecked(),
    },
  );
  const { signals: _signals, ...closing } = options;
  readClose(closing);
  let begun = false;
  const stop = (): void => {
    for (const each of signals) process.off(each, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (begun) {
      endBy(signal, stop);
      return;
    }
    begun = true;
    void mesh
      .close(closing)
      .catch((thrown: unknown) => process.emitWarning(toError(thrown)))
      .then(() => endBy(signal, stop));
  };
  for (const each of signals) process.on(each, onSignal);
  return stop;
}

function endBy(signal: NodeJS.Signals, stop: () => void): void {
  stop();
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}
