/**
 * What is looked at, kept behind the `#` of the address: the view, the service, filter and order.
 * So a view can be sent to somebody, and the way back works.
 */
export interface Place {
  readonly view: 'services' | 'topology' | 'configuration' | 'events';
  readonly service: string;
  readonly filter: string;
  readonly sort: string;
  readonly descending: boolean;
}

const VIEWS: readonly string[] = ['services', 'topology', 'configuration', 'events'];

export function place(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const params = new URLSearchParams(query);
  return {
    view: (VIEWS.includes(path) ? path : 'services') as Place['view'],
    service: params.get('service') ?? '',
    filter: params.get('filter') ?? '',
    sort: params.get('sort') ?? 'endpoint',
    descending: params.get('order') === 'desc',
  };
}

export function addressOf(to: Place): string {
  const params = new URLSearchParams();
  if (to.service !== '') params.set('service', to.service);
  if (to.filter !== '') params.set('filter', to.filter);
  if (to.sort !== 'endpoint') params.set('sort', to.sort);
  if (to.descending) params.set('order', 'desc');
  const query = params.toString();
  return `#/${to.view}${query === '' ? '' : `?${query}`}`;
}

/** Another place; without a step of its own in the history where only the view of it changes. */
export function go(change: Partial<Place>, step = false): void {
  const to = addressOf({ ...place(), ...change });
  if (to === location.hash) return;
  if (step) location.hash = to;
  else {
    history.replaceState(null, '', to);
    dispatchEvent(new HashChangeEvent('hashchange'));
  }
}
