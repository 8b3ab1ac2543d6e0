import type { Registrar } from '../discovery/registrar.js';
import { type Clock, withTimeout } from '../runtime/clock.js';
import { toError } from '../runtime/errors.js';
import { callback, invalidOption, type Reader, readOptions } from '../runtime/options.js';
import { closeDeadline } from './service-context.js';

export interface CloseOptions {
  /** For everything together; milliseconds. Default 10,000; 0 to 9,007,199,254,740,991. */
  readonly deadlineMs?: number;
  /**
   * Runs when the registrations are ended and calls still work: stop taking requests
   * (`server.close()`), and resolve when those in progress are answered. What it throws, and that
   * it is not ready in time, is reported as a warning. Default: nothing.
   */
  readonly drain?: () => Promise<unknown> | unknown;
}

export interface CloseSettings {
  readonly deadlineMs: number;
  readonly drain: CloseOptions['drain'];
}

/** The rest of the time is for the calls: a registry that is down must not take it all. */
const SHARE_OF_REGISTRATIONS = 0.5;

export function readClose(options: CloseOptions | undefined): CloseSettings {
  return readOptions<CloseSettings>('close', options, {
    deadlineMs: closeDeadline,
    drain: callback<NonNullable<CloseOptions['drain']>>(),
  });
}

/** Reads registrars: they are known by their methods. */
export const registrarList: Reader<readonly Pick<Registrar, 'name' | 'close'>[]> = (value, name) => {
  if (value === undefined) return [];
  const isRegistrar = (each: unknown): boolean => {
    const { register, close } = (each ?? {}) as Partial<Registrar>;
    return typeof register === 'function' && typeof close === 'function';
  };
  if (Array.isArray(value) && value.every(isRegistrar)) return value;
  throw invalidOption(name, value, 'an array of registrars');
};

/**
 * What comes before calls are refused: nobody is to find this process any longer, and whoever did
 * is answered. Takes at most `deadlineMs`; does not reject.
 */
export async function windDown(
  clock: Clock,
  registrars: readonly Pick<Registrar, 'name' | 'close'>[],
  { deadlineMs, drain }: CloseSettings,
): Promise<void> {
  const endMs = clock.now() + deadlineMs;
  const registrationMs = Math.floor(Math.min(deadlineMs, MAX_REGISTRATION_MS) * SHARE_OF_REGISTRATIONS);
  await Promise.all(
    registrars.map((each) =>
      orWarn(`The registrar '${each.name}' failed to end`, () => each.close({ deadlineMs: registrationMs })),
    ),
  );
  if (drain === undefined) return;
  const leftMs = Math.max(0, endMs - clock.now());
  const late = (): Error => new Error(`it was not ready within ${Math.round(leftMs)} ms`);
  await orWarn('drain() of close() failed', () => withTimeout(clock, leftMs, Promise.resolve().then(drain), late));
}

/** A registrar takes no longer deadline. */
const MAX_REGISTRATION_MS = 600_000;

async function orWarn(what: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    process.emitWarning(`${what}: ${toError(thrown).message}`, { type: 'FairleadWarning', code: 'FAIRLEAD_PART' });
  }
}
