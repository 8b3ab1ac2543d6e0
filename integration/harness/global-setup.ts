import { chooseBackend, NoServersHere } from './backend.js';

/**
 * Runs once before the integration tests: chooses where servers come from, says so, and hands the
 * choice to the workers by their environment.
 */
export default function setup(): void {
  try {
    chooseBackend();
  } catch (error) {
    if (!(error instanceof NoServersHere) || process.env.CI) throw error;
    process.stderr.write(`${error.message}; the tests that need them are left out\n`);
  }
}
