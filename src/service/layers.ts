import { isRecord, type Reader, type Schema } from '../runtime/options.js';
import { mergeServiceOptions, type ServiceOptions, serviceSchema } from './options.js';

/**
 * Options of a configuration over those of a program: each from the configuration where it says
 * something. What only a program can give (a store, a limiter, a function) stays with it, also
 * within an option of which the configuration says the rest.
 */
export function overlayOptions(
  program: ServiceOptions | undefined,
  configured: ServiceOptions | undefined,
): ServiceOptions {
  if (configured === undefined) return program ?? {};
  const merged = mergeServiceOptions(program, configured) as Record<string, unknown>;
  return (program === undefined ? merged : keepCode(serviceSchema, program, merged)) as ServiceOptions;
}

function keepCode(schema: Schema<object>, under: object, over: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...over };
  for (const [key, reader] of Object.entries(schema) as [string, Reader<unknown>][]) {
    const program = (under as Record<string, unknown>)[key];
    const said = kept[key];
    const fields = fieldsOf(reader);
    if (said === undefined && program !== undefined && isForPrograms(reader)) kept[key] = program;
    else if (fields !== undefined && isRecord(said) && isRecord(program)) kept[key] = keepCode(fields, program, said);
  }
  return kept;
}

/** The options within an option, where it is an object or may be one. */
function fieldsOf(reader: Reader<unknown>): Schema<object> | undefined {
  const shape = reader.about?.shape;
  if (shape?.type === 'object') return shape.fields;
  if (shape?.type !== 'choice') return undefined;
  return shape.of.map(fieldsOf).find((fields) => fields !== undefined);
}

/** Whether only a program can give it: it is code, or cannot be without some. */
export function isForPrograms(reader: Reader<unknown>): boolean {
  const shape = reader.about?.shape;
  if (shape?.type === 'code') return true;
  if (shape?.type !== 'object') return false;
  return (Object.values(shape.fields) as Reader<unknown>[]).some(
    (field) => field.about?.required === true && field.about.shape.type === 'code',
  );
}
