import { FairleadError } from '../runtime/errors.js';
import { showKind } from '../runtime/shown.js';

/**
 * In JavaScript a mesh is easily forgotten, or comes after the options: what fails then would be
 * found in the middle of this package. Throws FAIRLEAD_INVALID_OPTION.
 */
export function checkMesh(context: string, value: unknown): void {
  if (typeof (value as { readonly service?: unknown } | null | undefined)?.service === 'function') return;
  throw new FairleadError(
    'FAIRLEAD_INVALID_OPTION',
    `${context}: its first argument is ${showKind(value)}: allowed is a mesh of createMesh().`,
  );
}
