import { FairleadError, toError } from './errors.js';

/**
 * The package `yaml`, an optional peer: loaded when the first YAML is read, by whatever reads it.
 * `what` is that, for the error where the package is missing: `A document`.
 */
export async function loadYaml(what: string): Promise<typeof import('yaml')> {
  try {
    return await import('yaml');
  } catch (thrown) {
    const message = `${what} in YAML needs the package 'yaml': npm install yaml. JSON needs nothing.`;
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', message, { cause: toError(thrown) });
  }
}
