/**
 * Takes one value and returns it as it is used, or refuses it with an error that names the option,
 * the value and what is allowed. Most readers say as data what they allow (`about`).
 */
export interface Reader<T> {
  (value: unknown, name: string): T;
  readonly about?: Description;
}

export type Schema<T> = { readonly [K in keyof T]-?: Reader<T[K]> };

/**
 * What a reader allows, as data: the JSON Schema, the tables of the docs and the checks of a
 * configuration are made of it. It only describes; the reader alone decides.
 */
export type Shape =
  | NumberShape
  | { readonly type: 'boolean' }
  | { readonly type: 'enum'; readonly values: readonly string[] }
  | TextShape
  | ObjectShape
  /** Any names, one reader for all values. */
  | MapShape
  | ListShape
  /** One of several forms. At most one of them is an object, a map or a name with options. */
  | { readonly type: 'choice'; readonly of: readonly Reader<unknown>[] }
  /** A name, or `{ name: options }`. */
  | { readonly type: 'named'; readonly names: Readonly<Record<string, Reader<unknown>>> }
  /** What only a program can give: a function, an object with methods. */
  | { readonly type: 'code' };

export interface ObjectShape {
  readonly type: 'object';
  readonly fields: Schema<object>;
  /** What they say together, in words. */
  readonly rules?: readonly string[];
  /** Exactly one of these is given. */
  readonly one?: readonly string[];
  /** At least one of these is given. */
  readonly some?: readonly string[];
}

/** What fields say together: in words, or by how many of some are given. */
export type Rule = string | Pick<ObjectShape, 'one'> | Pick<ObjectShape, 'some'>;

interface NumberShape {
  readonly type: 'number' | 'integer';
  readonly min: number;
  readonly max: number;
  /** `min` itself is not allowed. */
  readonly above?: boolean;
  /** The numbers between that are allowed, where not all are. */
  readonly only?: (value: number) => boolean;
}

interface TextShape {
  readonly type: 'text';
  /** Never shown, and in a document a reference only. */
  readonly secret?: boolean;
  readonly pattern?: RegExp;
  readonly mayBeEmpty?: boolean;
}

interface MapShape {
  readonly type: 'map';
  readonly values: Reader<unknown>;
  readonly names?: RegExp;
  readonly min?: number;
  readonly max?: number;
}

interface ListShape {
  readonly type: 'list';
  readonly items: Reader<unknown>;
  readonly min?: number;
  readonly max?: number;
}

/** What else a description says of an option. */
export interface Description {
  readonly shape: Shape;
  /** What it is when nothing is given; undefined where that is nothing, or depends. */
  readonly fallback?: unknown;
  readonly required?: boolean;
}
