import type { CallAbout } from './tracing.js';

/** Methods may be named by callers: so many are kept, and what comes beyond is made each time. */
const MAX_KEPT = 4_000;

/** By service and method. */
type Kept = Map<string, Map<string | undefined, CallAbout>>;
type Systems = Readonly<Record<CallAbout['system'], Kept>>;

const systems = (): Systems => ({ grpc: new Map(), http: new Map(), call: new Map() });
const plain = systems();
const withSpan = systems();
let size = 0;

/**
 * What a tracer is told of a call: the same object for all that are alike, so that a call makes
 * none, and a tracer can know again what it has made of it.
 */
export function callAbout(system: CallAbout['system'], service: string, method?: string, spanned = false): CallAbout {
  const services = (spanned ? withSpan : plain)[system];
  const known = services.get(service)?.get(method);
  if (known !== undefined) return known;
  const about: CallAbout = { system, service, method, spanned };
  if (size >= MAX_KEPT) return about;
  size++;
  let methods = services.get(service);
  if (methods === undefined) {
    methods = new Map();
    services.set(service, methods);
  }
  methods.set(method, about);
  return about;
}
