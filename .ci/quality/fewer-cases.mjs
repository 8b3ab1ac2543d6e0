// A hook of Node's loader: properties are asked of a few cases, as each mutant asks them anew.
const CASES = Number(process.env.QUALITY_CASES ?? 25);

export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!/\/test\/.*\.ts/.test(url) || loaded.source == null) return loaded;
  const source = String(loaded.source).replace(/numRuns: ?([\d_e]+)/g, (all, runs) =>
    Number(runs.replaceAll('_', '')) > CASES ? `numRuns: ${CASES}` : all,
  );
  return { ...loaded, source };
}
