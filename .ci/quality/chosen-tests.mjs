/** CPU milliseconds of tests that a mutant is asked with: what survives them survives. */
const BUDGET_MS = Number(process.env.QUALITY_BUDGET_MS ?? 600);

/**
 * The tests of a mutant, by file: those of its room first, then those that found its neighbours,
 * then the quick ones, up to the budget. A mutant that only others would find counts as not found.
 */
export function chosenTests(ids, { room, costs, lately }) {
  const rank = ({ id, file }) => (file.startsWith(`test/${room}`) ? 0 : 2) - (lately.includes(id) ? 1.5 : 0);
  const sorted = ids
    .map((id) => ({ id, file: id.slice(0, id.indexOf('#')), ms: costs[id] ?? 0 }))
    .map((test) => ({ ...test, rank: rank(test) }))
    .sort((a, b) => a.rank - b.rank || a.ms - b.ms);
  const byFile = new Map();
  let spent = 0;
  for (const { id, file, ms } of sorted) {
    if (spent > 0 && spent + ms > BUDGET_MS) continue;
    spent += ms;
    const chosen = byFile.get(file);
    if (chosen) chosen.push(id);
    else byFile.set(file, [id]);
  }
  return byFile;
}
