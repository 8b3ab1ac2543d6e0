import { DocumentCheck } from './check.js';
import type { ConfigDocument, DocumentReaders } from './document.js';
import { ConfigError } from './errors.js';
import { type Parsed, parseDocument, parsedObject } from './parse.js';
import { pathText } from './path.js';

/** A document that was read and found right. */
export interface ValidDocument {
  /** As it was written: with its references. */
  readonly document: ConfigDocument;
  /** With what they hold: for what is made of it alone. */
  readonly resolved: ConfigDocument;
}

/**
 * Reads a document, JSON or YAML text or an object. Rejects with ConfigError, which has everything
 * that is wrong with it; `source` is what it came from.
 */
export async function validateDocument(
  given: string | object,
  source: string,
  readers: DocumentReaders,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ValidDocument> {
  // What JSON cannot hold is in no document: it has to be the same wherever it is kept.
  const parsed: Parsed =
    typeof given === 'string' ? await parseDocument(given, source) : parsedObject(structuredCloneOf(given, source));
  const { value, at } = parsed;
  // Taken for an empty one, what is cut off behind its first comment would take every service out.
  if (value === undefined || value === null) {
    const message = 'The document is empty: one that says nothing is written {}.';
    throw new ConfigError([{ source, line: 1, column: 1, path: '', message, nearest: undefined }]);
  }
  const check = new DocumentCheck(env);
  const resolved = check.read(readers.document, value, []);
  if (check.findings.length > 0) {
    throw new ConfigError(
      check.findings
        .map(({ path, ofKey, message, nearest }) => {
          const place = at(path, ofKey);
          return { source, line: place?.line, column: place?.column, path: pathText(path), message, nearest };
        })
        .sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)),
    );
  }
  return { document: value as ConfigDocument, resolved: resolved as ConfigDocument };
}

function structuredCloneOf(given: object, source: string): unknown {
  try {
    return JSON.parse(
      JSON.stringify(given, (_, each: unknown) => {
        if (typeof each === 'function') throw new Error('a function');
        return each;
      }),
    ) as unknown;
  } catch {
    const message = 'The document holds a function, or itself: only what JSON can hold may be in one.';
    throw new ConfigError([{ source, line: undefined, column: undefined, path: '', message, nearest: undefined }]);
  }
}
