/** How many scripts of each pairing a change has to pass. */
const IN_CI: Readonly<Record<string, number>> = { mysql: 12, mariadb: 12, redis: 30, grpc: 30, connect: 20 };

/**
 * The seeds to play: fixed ones; with DIFFERENTIAL_SEEDS=`from-to`, or a single one, those.
 */
export function seeds(pairing: string): number[] {
  const asked = /^(\d+)(?:-(\d+))?$/.exec(process.env.DIFFERENTIAL_SEEDS ?? '');
  const from = Number(asked?.[1] ?? 1);
  const to = asked === null ? (IN_CI[pairing] ?? 10) : Number(asked[2] ?? from);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
