import type { AdminSplit } from '../state/admin-state.js';
import { h, nameOf, replace, shown } from './dom.js';
import { count, digits, NONE, percent } from './format.js';

interface Counted {
  readonly calls: number;
  readonly bad: number;
}

interface CanaryLike {
  readonly state: string;
  readonly step: number;
  readonly share: number;
  readonly calls: number;
  readonly stalled: boolean;
  readonly reason?: string;
  readonly errors: { readonly canary: Counted; readonly baseline: Counted; readonly pValue: number };
  readonly latency: { readonly canary: Counted; readonly baseline: Counted; readonly pValue: number };
}

/** Arms with their shares, and the evidence by which a canary is judged. */
export class SplitPanel {
  readonly element: HTMLElement = h('section', { class: 'panel', hidden: true });
  #told = '';

  update(split: AdminSplit | undefined): void {
    this.element.hidden = split === undefined;
    const told = JSON.stringify(split ?? null);
    if (split === undefined || told === this.#told) return;
    this.#told = told;
    const canary = split.canary as unknown as CanaryLike | undefined;
    replace(
      this.element,
      h('h2', { class: 'small' }, 'Split'),
      table(
        'Arms',
        ['Arm', 'Share', 'Calls', 'Errors'],
        Object.entries(split.arms).map(([name, { share, calls, errors }]) => [
          nameOf(name),
          `${digits(share)} %`,
          count(calls),
          calls === 0 ? NONE : percent(errors / calls),
        ]),
      ),
      split.lanes !== undefined &&
        table(
          'Lanes',
          ['Lane', 'Calls', 'Fell back'],
          Object.entries(split.lanes).map(([name, { calls, spilled }]) => [nameOf(name), count(calls), count(spilled)]),
        ),
      ...(canary === undefined ? [] : evidence(canary)),
    );
  }
}

function evidence(canary: CanaryLike): readonly Node[] {
  const { state, step, share, calls, stalled, reason } = canary;
  const ratio = ({ calls: of, bad }: Counted): string => (of === 0 ? NONE : `${percent(bad / of)} of ${count(of)}`);
  const words = `${digits(share)} % · step ${step + 1} · ${count(calls)} calls${stalled ? ' · waits for calls' : ''}`;
  return [
    h('h2', { class: 'small' }, 'Canary ', h('span', { class: `chip ${state}` }, state.replace('_', ' '))),
    h('p', { class: 'dim' }, words + (reason === undefined ? '' : ` · ${shown(reason)}`)),
    table(
      'Evidence',
      ['Signal', 'Canary', 'Baseline', 'p value'],
      (['errors', 'latency'] as const).map((name) => [
        name,
        ratio(canary[name].canary),
        ratio(canary[name].baseline),
        digits(canary[name].pValue),
      ]),
    ),
  ];
}

/** One that is wider than its place is scrolled, by a keyboard too. */
export function table(
  label: string,
  heads: readonly string[],
  rows: readonly (readonly (string | Node)[])[],
): HTMLElement {
  return h(
    'div',
    { class: 'wide', tabindex: 0, role: 'region', 'aria-label': label, 'data-keep': `table ${label}` },
    h(
      'table',
      {},
      h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)))),
      h('tbody', {}, ...rows.map((row) => h('tr', {}, ...row.map((cell) => h('td', {}, cell))))),
    ),
  );
}
