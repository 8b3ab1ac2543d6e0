import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'rolldown/parseAst';

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

const FUNCTIONS = new Set(['ArrowFunctionExpression', 'FunctionExpression']);

/** Names of the properties that a function literal is assigned to, anywhere in `code`. */
export function literalsAssignedIn(code: string): string[] {
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (typeof node === 'object' && node !== null) {
      const { type, left, right } = node as Node & { readonly left?: Node; readonly right?: Node };
      if (type === 'AssignmentExpression' && left?.type === 'MemberExpression' && FUNCTIONS.has(right?.type ?? '')) {
        const property = left.property as Node;
        // Names of private fields are shortened.
        if (property.type === 'PrivateIdentifier') found.push('#');
        else found.push(left.computed === true ? '[]' : String(property.name));
      }
      Object.values(node).forEach(visit);
    }
  };
  visit(parseAst(code));
  return found;
}

/**
 * How often each is assigned one, in all that is built into `folder` but the page and the command.
 */
export function literalsAssignedBelow(folder: string): Record<string, number> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.js') && !/^(cli|adapters\/admin)\//.test(name),
  );
  const counts: Record<string, number> = {};
  for (const name of files) {
    for (const property of literalsAssignedIn(readFileSync(join(folder, name), 'utf8'))) {
      counts[property] = (counts[property] ?? 0) + 1;
    }
  }
  return counts;
}
