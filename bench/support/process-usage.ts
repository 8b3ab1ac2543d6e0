import { readdirSync, readFileSync } from 'node:fs';

const NS_PER_US = 1_000;
const KIB_PER_MIB = 1_024;

/** CPU of all threads of a process so far, microseconds: of /proc/<pid>/task/<tid>/schedstat. */
export function cpuUsOf(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
  return ns / NS_PER_US;
}

/** Its resident memory; MiB. */
export function rssMiBOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / KIB_PER_MIB;
}
