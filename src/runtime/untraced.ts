type Untraced = <T>(run: () => T) => T;
const plainly: Untraced = (run) => run();
let untraced: Untraced = plainly;

/** Says how nothing that runs is traced: what looks at servers would be a trace each second. */
export function setUntraced(how: Untraced | undefined): void {
  untraced = how ?? plainly;
}

/** Runs what is no part of a call: a probe, a health check. */
export function runUntraced<T>(run: () => T): T {
  return untraced(run);
}
