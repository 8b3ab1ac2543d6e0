import { readFile } from 'node:fs/promises';
import { DocumentReaders } from '../src/config/document.js';
import { type ValidDocument, validateDocument } from '../src/config/validate.js';
import { createMesh } from '../src/index.js';
import { UsageError } from './command.js';

export type Env = Readonly<Record<string, string | undefined>>;

export function readers(): DocumentReaders {
  return new DocumentReaders(createMesh().policies);
}

/** Rejects with ConfigError, which has all that is wrong with it, or a UsageError. */
export async function readDocument(path: string, env: Env): Promise<ValidDocument> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    throw new UsageError(`${path} cannot be read: ${(thrown as Error).message.split(',')[0]}`);
  }
  return validateDocument(text, path, readers(), env);
}
