import { optionReaders } from '../../src/adapter.js';
import type { ConfigStore } from '../../src/config/index.js';
import { FairleadError } from '../../src/index.js';
import type { MeshMonitor } from '../../src/monitor/index.js';

export interface AdminOptions {
  /**
   * What a change needs, and reading from another machine: sent as `Authorization: Bearer …`. At
   * least 16 characters. Default: none, so nothing is changed, and it is for this machine alone.
   */
  readonly token?: string;
  /**
   * Names under which it may be asked for, without port, besides `localhost` and addresses: a name
   * that is not known may be that of an attacker's page. Default: none.
   */
  readonly hosts?: readonly string[];
  /** Shows its versions, and rolls back. Default: none is shown. */
  readonly config?: ConfigStore;
  /** Shows its alerts and its health. Default: none is shown. */
  readonly monitor?: MeshMonitor;
  /**
   * Between two updates of an open page; milliseconds. Default 1,000; 500 to 60,000.
   */
  readonly updateMs?: number;
  /** Events that are kept to be shown. Default 200; 0 to 10,000. */
  readonly events?: number;
}

export interface AdminSettings {
  readonly token: string | undefined;
  readonly hosts: readonly string[];
  readonly config: ConfigStore | undefined;
  readonly monitor: MeshMonitor | undefined;
  readonly updateMs: number;
  readonly events: number;
}

/** Shorter ones can be guessed. */
const MIN_TOKEN = 16;

export function readAdminOptions(options: AdminOptions | undefined): AdminSettings {
  const { integer, invalidOption, readOptions, textList } = optionReaders;
  const settings = readOptions<AdminSettings>('createAdmin', options, {
    token,
    hosts: textList(),
    config: madeBy('createConfigStore()', ['apply', 'rollback', 'diff']),
    monitor: madeBy('monitorMesh()', ['health', 'silence', 'endSilence']),
    updateMs: integer(1_000, 500, 60_000),
    events: integer(200, 0, 10_000),
  });
  const hosts = settings.hosts.map((host) => host.toLowerCase());
  const bad = hosts.find((host) => !/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(host));
  if (bad !== undefined) throw invalidOption('createAdmin.hosts', bad, 'names of hosts, without port');
  return { ...settings, hosts };
}

function token(value: unknown, name: string): string | undefined {
  if (value === undefined || (typeof value === 'string' && value.length >= MIN_TOKEN)) return value;
  const is = typeof value === 'string' ? `a text of ${value.length} characters` : `no text`;
  const message = `${name} is ${is} (value not shown): allowed is a text of ${MIN_TOKEN} characters or more.`;
  throw new FairleadError('FAIRLEAD_INVALID_OPTION', message);
}

function madeBy<T>(maker: string, methods: readonly (keyof T & string)[]) {
  return (value: unknown, name: string): T | undefined => {
    if (value === undefined) return undefined;
    const given = value as Record<string, unknown> | null;
    if (methods.every((method) => typeof given?.[method] === 'function')) return value as T;
    throw optionReaders.invalidOption(name, value, `what ${maker} returned`);
  };
}
