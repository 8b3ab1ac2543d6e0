import type { PartSnapshot } from '../snapshot.js';
import type { Finding } from './finding.js';
import type { LimitSettings } from './limits.js';

/** What the figures of parts say; those of MySQL and Redis are one for each server, by its id. */
export function partFindings(part: PartSnapshot, limits: LimitSettings): Finding[] {
  if (part.kind === 'mysql') return mysqlFindings(part, limits);
  if (part.kind === 'routing') return routingFindings(part);
  if (part.kind === 'config') return configFindings(part);
  return part.kind === 'redis' ? redisFindings(part) : [];
}

/** A canary that lost its share stays so until another one is started, or the routing ends. */
function routingFindings({ name, figures }: PartSnapshot): Finding[] {
  const { canaryRolledBack, canaryStep } = figures;
  if (canaryRolledBack === undefined) return [];
  return [
    {
      rule: 'canary_rolled_back',
      severity: 'warning',
      subject: `routing ${name}`,
      bad: canaryRolledBack === 1,
      value: canaryStep ?? null,
      text: `the canary of ${name} was rolled back in step ${canaryStep}`,
    },
  ];
}

/** The latest document is not in force: what runs is an older one. */
function configFindings({ name, figures }: PartSnapshot): Finding[] {
  const { refusing, version } = figures;
  return [
    {
      rule: 'configuration_refused',
      severity: 'warning',
      subject: `config ${name}`,
      bad: refusing === 1,
      value: version ?? null,
      text: `a configuration from ${name} was refused; version ${version} stays in force`,
    },
  ];
}

function mysqlFindings(part: PartSnapshot, limits: LimitSettings): Finding[] {
  const subject = `mysql ${part.name}`;
  const primaries = namesOf(part, 'primary');
  const servers = all(part, 'primary');
  const replicas = servers.filter((id) => !primaries.includes(id));
  const readers = namesOf(part, 'read').filter((id) => replicas.includes(id));
  const lag = all(part, 'lagMs')
    .map((id) => [id, part.figures[`lagMs ${id}`]!] as const)
    .filter(([, lagMs]) => lagMs > limits.lagMs)
    .sort(([, a], [, b]) => b - a);
  return [
    {
      rule: 'replication_lag',
      severity: 'warning',
      subject,
      bad: lag.length > 0,
      value: lag[0]?.[1] ?? null,
      text: `${subject}: ${lag.map(([id, lagMs]) => `${id} is ${Math.round(lagMs)} ms behind`).join(', ')}`,
    },
    {
      rule: 'replicas_out',
      severity: 'warning',
      subject,
      bad: replicas.length > 0 && readers.length === 0,
      value: replicas.length,
      text: `${subject}: none of its ${replicas.length} replicas serves reads`,
    },
    {
      rule: 'two_primaries',
      severity: 'critical',
      subject,
      bad: primaries.length > 1,
      value: primaries.length,
      text: `${subject} has ${primaries.length} primaries: ${primaries.join(', ')}`,
    },
    {
      rule: 'no_primary',
      severity: 'critical',
      subject,
      bad: servers.length > 0 && namesOf(part, 'written').length === 0,
      value: 0,
      text: `${subject}: writes go nowhere`,
    },
  ];
}

function redisFindings(part: PartSnapshot): Finding[] {
  const subject = `redis ${part.name}`;
  const quarantined = namesOf(part, 'quarantined');
  const down = namesOf(part, 'down').filter((name) => !quarantined.includes(name));
  return [
    {
      rule: 'shard_down',
      severity: 'critical',
      subject,
      bad: down.length > 0,
      value: down.length,
      text: `${subject}: ${down.join(', ')} ${down.length === 1 ? 'is' : 'are'} down`,
    },
    {
      rule: 'quarantine',
      severity: 'warning',
      subject,
      bad: quarantined.length > 0,
      value: quarantined.length,
      text: `${subject}: ${quarantined.join(', ')} ${quarantined.length === 1 ? 'is' : 'are'} in quarantine`,
    },
  ];
}

/** The ids that there is such a figure of. */
function all({ figures }: PartSnapshot, what: string): string[] {
  return Object.keys(figures).flatMap((name) => (name.startsWith(`${what} `) ? [name.slice(what.length + 1)] : []));
}

/** The ids that this is so of. */
function namesOf(part: PartSnapshot, what: string): string[] {
  return all(part, what).filter((id) => part.figures[`${what} ${id}`] === 1);
}
