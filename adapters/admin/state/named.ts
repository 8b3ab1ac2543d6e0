import type { MeshPart } from '../../../src/adapter.js';
import type { Mesh } from '../../../src/index.js';
import { keyOf } from './plain.js';

/** Without a prototype: names come from discovery, and `__proto__` is one like any other. */
export function named<T, V>(
  list: readonly T[],
  entry: (each: T, at: number) => readonly [name: string, value: V],
): Record<string, V> {
  const made: Record<string, V> = Object.create(null);
  for (const [at, each] of list.entries()) {
    const [name, value] = entry(each, at);
    let key = keyOf(name);
    for (let i = 2; key in made; i++) key = `${keyOf(name)} ${i}`;
    made[key] = value;
  }
  return made;
}

/** The name of a part in the state. */
export function partKey(kind: string, name: string): string {
  return `${kind} ${name}`;
}

/** The parts of a mesh by their names in the state: two of one name are told apart by a number. */
export function partsByKey(mesh: Mesh): Readonly<Record<string, MeshPart>> {
  return named([...mesh.parts], (part) => [partKey(part.kind, part.name), part]);
}
