import type { AdminAlert, AdminEvent, AdminSilence, AdminState } from '../state/admin-state.js';
import type { Actions } from './actions.js';
import { h, nameOf, shown } from './dom.js';
import { clock } from './format.js';
import { Redrawn } from './redrawn.js';
import { SilenceDialog } from './silence-dialog.js';

/** Alerts that are so now, silences that hold, and the latest events. */
export class EventsView extends Redrawn {
  readonly dialog: SilenceDialog;
  readonly #actions: Actions;

  constructor(actions: Actions) {
    super();
    this.#actions = actions;
    this.dialog = new SilenceDialog(actions);
  }

  protected about({ events, alerts, silences, writable }: AdminState): unknown {
    return [Object.keys(events).at(-1), Object.keys(events).length, alerts, silences, writable];
  }

  protected draw({ events, alerts = {}, silences = {} }: AdminState): readonly Node[] {
    const firing = Object.entries(alerts).map(([key, alert]) => this.#alert(key, alert));
    const quiet = Object.entries(silences).map(([id, silence]) => this.#silence(Number(id), silence));
    const latest = Object.entries(events)
      .sort(([a], [b]) => Number(b) - Number(a))
      .map(([, event]) => line(event));
    return [
      h('h1', {}, 'Events'),
      ...(firing.length > 0 ? [h('h2', {}, 'Alerts'), h('ol', { class: 'events alerts' }, ...firing)] : []),
      ...(quiet.length > 0 ? [h('h2', {}, 'Silences'), h('ol', { class: 'events silences' }, ...quiet)] : []),
      h('h2', {}, 'Latest'),
      latest.length > 0 ? h('ol', { class: 'events' }, ...latest) : h('p', { class: 'dim' }, 'Nothing happened yet.'),
    ];
  }

  #alert(key: string, alert: AdminAlert): HTMLElement {
    const { severity, rule, subject, text, sinceMs, silenced } = alert;
    const ask = (): void => this.dialog.ask(alert);
    const label = shown(`Silence ${rule} of ${subject}`);
    return h(
      'li',
      { class: severity === 'critical' ? 'error' : 'warn' },
      h('time', { datetime: new Date(sinceMs).toISOString() }, clock(sinceMs)),
      h('span', { class: 'subject' }, nameOf(subject)),
      h('span', {}, shown(text), silenced && h('span', { class: 'dim' }, ' (silenced)')),
      !silenced &&
        this.#actions.possible &&
        h(
          'button',
          { type: 'button', class: 'quiet', 'aria-label': label, 'data-keep': `alert ${key}`, onclick: ask },
          'Silence',
        ),
    );
  }

  #silence(id: number, { rule, subject, by, reason, untilMs }: AdminSilence): HTMLElement {
    const said = [rule ?? 'all alerts', by, reason].filter((each) => each !== undefined).join(' · ');
    const end = (): void => this.#actions.do('unsilence', { silence: id }, 'It is told of again.');
    return h(
      'li',
      {},
      h('time', { datetime: new Date(untilMs).toISOString() }, `until ${clock(untilMs)}`),
      h('span', { class: 'subject' }, subject === undefined ? 'anything' : nameOf(subject)),
      h('span', {}, shown(said)),
      this.#actions.possible &&
        h(
          'button',
          {
            type: 'button',
            class: 'quiet',
            'aria-label': shown(`End the silence of ${said}`),
            'data-keep': `silence ${id}`,
            onclick: end,
          },
          'End',
        ),
    );
  }
}

function line({ atMs, level, subject, endpoint, text }: AdminEvent): HTMLElement {
  return h(
    'li',
    { class: level },
    h('time', { datetime: new Date(atMs).toISOString() }, clock(atMs)),
    h(
      'span',
      { class: 'subject' },
      nameOf(subject),
      endpoint !== undefined && h('span', { class: 'dim' }, ' ', nameOf(endpoint)),
    ),
    h('span', {}, shown(text)),
  );
}
