import type { AdminPart, AdminState } from '../state/admin-state.js';
import type { Actions } from './actions.js';
import { h, nameOf, replace, shown } from './dom.js';
import { clock, count, digits, json, NONE } from './format.js';
import { Redrawn } from './redrawn.js';
import type { Session } from './session.js';
import { table } from './split-panel.js';

type Plain = Readonly<Record<string, unknown>>;

/** What MySQL and Redis adapters know of roles and shards; of the others, their numbers. */
export class TopologyView extends Redrawn {
  protected about({ parts }: AdminState): unknown {
    return parts;
  }

  protected draw({ parts }: AdminState): readonly Node[] {
    const drawn = Object.values(parts).filter(({ kind }) => kind !== 'admin' && kind !== 'config');
    if (drawn.length === 0)
      return [h('h1', {}, 'Topology'), h('p', { class: 'dim' }, 'No adapter was made over this mesh.')];
    return [h('h1', {}, 'Topology'), ...drawn.map(part)];
  }
}

function part({ kind, name, figures, topology }: AdminPart): HTMLElement {
  const { servers, shards, why, generation, placement } = (topology ?? {}) as Plain;
  const rows = (Array.isArray(servers) ? servers : Array.isArray(shards) ? shards : []) as readonly Plain[];
  const stats = ((topology as Plain | undefined)?.stats ?? []) as readonly Plain[];
  const numbers = Object.entries(figures).map(([label, value]) => [nameOf(label), digits(value)] as const);
  const said = [why, placement && `${placement}, generation ${generation}`].filter((each) => typeof each === 'string');
  return h(
    'section',
    { class: 'panel' },
    h('h2', {}, h('span', { class: 'dim' }, `${kind} `), nameOf(name)),
    said.length > 0 && h('p', { class: 'dim' }, shown(said.join(' · '))),
    servers !== undefined
      ? servers_(shown(name), rows)
      : shards !== undefined
        ? shards_(shown(name), rows, stats)
        : table(`Figures of ${shown(name)}`, ['Figure', 'Now'], numbers),
  );
}

function servers_(name: string, servers: readonly Plain[]): HTMLElement {
  return table(
    `Servers of ${name}`,
    ['Server', 'Role', 'State', 'Lag', 'Writes', 'Reads', 'Position', 'Why'],
    servers.map(({ id, role, state, lagMs, written, read, position, reason }) => [
      nameOf(String(id)),
      h('span', { class: `chip ${role === 'primary' ? 'accent' : ''}` }, String(role)),
      mark(String(state)),
      lagMs === undefined ? NONE : `${digits(lagMs as number)} ms`,
      written === true ? 'yes' : NONE,
      read === true ? 'yes' : NONE,
      h('span', { class: 'dim' }, shown(String(position ?? ''))),
      shown(String(reason ?? '')),
    ]),
  );
}

function shards_(name: string, shards: readonly Plain[], stats: readonly Plain[]): HTMLElement {
  return table(
    `Shards of ${name}`,
    ['Shard', 'Address', 'State', 'Weight', 'Commands', 'Errors', 'In flight', 'Keys in / out', 'Replicas'],
    shards.map(({ name, address, state, weight, replicas }) => {
      const own: Plain = stats.find((each) => each.name === name) ?? {};
      const standins = ((replicas ?? []) as readonly Plain[]).map((each) => `${each.id} (${each.state})`).join(', ');
      return [
        nameOf(String(name)),
        String(address),
        mark(String(state)),
        digits(weight as number),
        count(own.commands as number | undefined),
        count(own.errors as number | undefined),
        count(own.inflight as number | undefined),
        `${count(own.movedIn as number | undefined)} / ${count(own.movedOut as number | undefined)}`,
        shown(standins) || NONE,
      ];
    }),
  );
}

function mark(state: string): HTMLElement {
  const kind = state === 'ready' || state === 'up' ? 'ready' : state === 'quarantined' ? 'probing' : 'unhealthy';
  return h('span', { class: `state ${kind}` }, h('i', { 'aria-hidden': 'true' }), state);
}

interface Change {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly effect: string;
}

export class ConfigurationView extends Redrawn {
  readonly #session: Session;
  readonly #actions: Actions;

  constructor(session: Session, actions: Actions) {
    super();
    this.#session = session;
    this.#actions = actions;
  }

  protected about({ config, writable }: AdminState): unknown {
    return [config, writable];
  }

  protected draw({ config, writable }: AdminState): readonly Node[] {
    const title = h('h1', {}, 'Configuration');
    if (config === undefined) {
      return [title, h('p', { class: 'dim' }, 'createAdmin() was given no configuration store.')];
    }
    const versions = Object.entries(config.versions)
      .map(([number, version]) => ({ number: Number(number), ...version }))
      .sort((a, b) => b.number - a.number);
    if (versions.length === 0) return [title, h('p', { class: 'dim' }, 'No version is in force yet.')];
    return [
      title,
      h(
        'ol',
        { class: 'versions' },
        ...versions.map(({ number, author, source, atMs, hash, changes }, i) => {
          const diff = h('div', { class: 'diff' });
          const show = h(
            'button',
            { type: 'button', class: 'quiet', 'aria-expanded': 'false', 'data-keep': `changes ${number}` },
            changes === 1 ? '1 change' : `${changes} changes`,
          );
          show.addEventListener('click', () => this.#toggle(show, diff, versions[i + 1]?.number ?? 0, number));
          const back = (): void =>
            this.#actions.do('rollback', { version: number }, `Version ${number} is in force again.`, [
              'rollback',
              { version: versions[0]!.number },
              `Version ${versions[0]!.number} is in force again.`,
            ]);
          return h(
            'li',
            { class: i === 0 ? 'current' : '' },
            h(
              'header',
              {},
              h('b', {}, `Version ${number}`),
              i === 0 && h('span', { class: 'chip accent' }, 'in force'),
              h('code', {}, hash),
              h('span', { class: 'dim' }, `${clock(atMs)} · ${shown(author)} · ${shown(source)}`),
              show,
              i > 0 &&
                writable &&
                h('button', { type: 'button', 'data-keep': `back ${number}`, onclick: back }, 'Roll back to this'),
            ),
            diff,
          );
        }),
      ),
    ];
  }

  #toggle(button: HTMLElement, into: HTMLElement, from: number, to: number): void {
    const open = button.getAttribute('aria-expanded') === 'true';
    button.setAttribute('aria-expanded', String(!open));
    if (open) {
      replace(into);
      return;
    }
    this.#session.get<{ readonly changes: readonly Change[] }>(`diff?from=${from}&to=${to}`).then(
      ({ changes }) =>
        replace(
          into,
          ...changes.map(({ path, before, after, effect }) =>
            h(
              'p',
              {},
              h('code', { class: 'path' }, shown(path)),
              before !== undefined && h('del', {}, shown(json(before))),
              after !== undefined && h('ins', {}, shown(json(after))),
              h('span', { class: 'dim' }, effect),
            ),
          ),
        ),
      (error: Error) => replace(into, h('p', { class: 'bad' }, error.message)),
    );
  }
}
