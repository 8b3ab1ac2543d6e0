import type { Explanation } from '../../../src/index.js';
import { h, nameOf, shown } from './dom.js';
import { digits, json, NONE } from './format.js';

const MAX_ROWS = 60;

/** What a part says of what was put to it: its own words, then why that endpoint. */
export function partAnswer(answer: Readonly<Record<string, unknown>>): readonly (Node | string)[] {
  const { part: _, explanation, ...said } = answer;
  const facts = Object.entries(said)
    .filter(([, value]) => value !== undefined && value !== null)
    .flatMap(([name, value]) => [h('dt', {}, shown(name)), h('dd', {}, shown(textOf(value)))]);
  return [
    ...(facts.length > 0 ? [h('dl', { class: 'facts' }, ...facts)] : []),
    ...(explanation === undefined ? [] : explanationAnswer(explanation as Explanation)),
  ];
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? json(value) : String(value);
}

/** The chosen endpoint, and the candidates with costs: those that came into question first. */
export function explanationAnswer(explanation: Explanation): readonly (Node | string)[] {
  const { chosen, refused, candidates, drew, policy, by } = explanation;
  const said =
    chosen === undefined
      ? h('p', {}, refused === undefined ? `${policy} does not say whom it would choose.` : shown(refused.message))
      : h('p', {}, nameOf(chosen, 'chosen'), ` by ${by === 'policy' ? policy : by}${more(explanation)}`);
  const rank = (id: string): number => (id === chosen ? 0 : drew.includes(id) ? 1 : 2);
  const rows = [...candidates]
    .sort(
      (a, b) =>
        rank(a.endpoint) - rank(b.endpoint) || Number(a.excluded !== undefined) - Number(b.excluded !== undefined),
    )
    .slice(0, MAX_ROWS)
    .map(({ endpoint, excluded, cost, parts }) =>
      h(
        'tr',
        { class: endpoint === chosen ? 'chosen' : excluded === undefined ? '' : 'out' },
        h('td', {}, nameOf(endpoint)),
        h('td', {}, excluded ?? (endpoint === chosen ? 'chosen' : drew.includes(endpoint) ? 'drawn' : 'candidate')),
        h('td', { class: 'number' }, cost === undefined ? NONE : digits(cost)),
        h(
          'td',
          {},
          Object.entries(parts)
            .map(([name, value]) => `${name} ${digits(value)}`)
            .join(', '),
        ),
      ),
    );
  const heads = ['Endpoint', '', 'Cost', 'Made of'].map((title) => h('th', { scope: 'col' }, title));
  const table = h('table', {}, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...rows));
  const rest = candidates.length - rows.length;
  return [
    said,
    h('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Candidates' }, table),
    ...(rest > 0 ? [h('p', { class: 'dim' }, `and ${rest} more`)] : []),
  ];
}

function more({ session, split, lane, panic }: Explanation): string {
  const said = [
    session && `session ${session.state}`,
    split && `${split.split}: ${split.name}`,
    lane && `lane ${lane}`,
    panic && 'in panic',
  ].filter((each): each is string => typeof each === 'string');
  return said.length === 0 ? '' : ` · ${shown(said.join(' · '))}`;
}
