import { Actions, Toasts, TokenDialog } from './actions.js';
import { place } from './address.js';
import { h, replace } from './dom.js';
import { EventsView } from './events-view.js';
import { Past } from './history.js';
import { ConfigurationView, TopologyView } from './other-views.js';
import { ServiceView } from './service-view.js';
import { Session } from './session.js';
import { Shell } from './shell.js';

const past = new Past();
const session = new Session(changed);
const token = new TokenDialog(session);
const toasts = new Toasts();
const actions = new Actions(session, toasts, (then) => token.ask(then));
const service = new ServiceView(session, past, actions);
const views = {
  topology: new TopologyView(),
  configuration: new ConfigurationView(session, actions),
  events: new EventsView(actions),
};
const shell = new Shell(session, token, () => service.charts.redraw());
const main = h('main', { id: 'main', tabindex: '-1' });
const waiting = h('p', { class: 'dim' }, 'Waiting for the process…');
const empty = h('p', { class: 'dim' }, 'No service was asked for yet.');
let shownAtMs = 0;

document.body.append(
  h('a', { class: 'skip', href: '#main', onclick: skip }, 'Skip to the content'),
  shell.top,
  h('div', { class: 'middle' }, shell.aside, main),
  toasts.element,
  token.element,
  service.dialog.element,
  views.events.dialog.element,
);
addEventListener('hashchange', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => service.charts.redraw());
// What is told by how long ago it was goes on between two updates, and when none come.
setInterval(draw, 1_000);
draw();
void session.run();

function changed(): void {
  const { state, connection } = session;
  if (state !== undefined && connection === 'live' && state.atMs !== shownAtMs) {
    shownAtMs = state.atMs;
    past.add(state);
  }
  if (connection === 'locked' && !token.open) token.ask();
  draw();
}

function draw(): void {
  const { state } = session;
  const at = place();
  shell.update(state);
  if (state === undefined) {
    show(waiting);
    return;
  }
  if (at.view !== 'services') {
    show(views[at.view].element);
    views[at.view].update(state);
    return;
  }
  const names = Object.keys(state.services).sort();
  const name = Object.hasOwn(state.services, at.service) ? at.service : names[0];
  if (name === undefined) {
    show(empty);
    return;
  }
  show(service.element);
  service.update(name, state, at);
}

function show(element: HTMLElement): void {
  if (main.firstElementChild !== element) replace(main, element);
}

function skip(event: Event): void {
  event.preventDefault();
  main.focus();
}
