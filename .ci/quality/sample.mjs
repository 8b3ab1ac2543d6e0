// QUALITY_SAMPLE=n asks about one function in n: rooms of thousands of mutants get a figure in the
// time there is. Which ones, their names and sizes decide, so that a later run asks the same, and a
// run without it asks the rest only.
const ONE_IN = Number(process.env.QUALITY_SAMPLE ?? 1);

/** FNV-1a. */
function hashOf(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

class Sample {
  shouldIgnore(path) {
    const { node } = path;
    if (ONE_IN === 1 || !/Function|Method|ClassPrivateProperty|ClassProperty/.test(node.type)) return undefined;
    if (path.getFunctionParent()) return undefined;
    const name = node.key?.id?.name ?? node.key?.name ?? node.id?.name ?? '';
    return hashOf(`${name}:${node.end - node.start}`) % ONE_IN === 0 ? undefined : 'not in the sample';
  }
}

export const strykerPlugins = [{ kind: 'Ignore', name: 'sample', injectableClass: Sample }];
