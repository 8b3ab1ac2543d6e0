import { boolean, described, fields, invalidOption, onOff, type Reader, text } from '../../runtime/options.js';
import { LANE_HEADER } from './lane-context.js';

export interface LaneOptions {
  /** The entry of an endpoint's `meta` that names its lane. Default `lane`. */
  readonly label?: string;
  /**
   * The header that a lane travels in, in lower case; none of HTTP's own, such as `host`. Default
   * `x-fairlead-lane`.
   */
  readonly header?: string;
  /**
   * A call whose lane has no endpoint here goes to the baseline (default true), or is refused with
   * FAIRLEAD_NO_ENDPOINT.
   */
  readonly fallback?: boolean;
}

export type LaneSettings = Required<LaneOptions>;

const HEADER = /^[a-z0-9-]{1,64}$/;

/** They mean something to HTTP itself, or to whom a client is: a lane must not take their place. */
const TAKEN = new Set([
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const ofRequests = described(
  { shape: { type: 'text', pattern: HEADER }, fallback: LANE_HEADER },
  (given = LANE_HEADER, where) => {
    if (typeof given === 'string' && HEADER.test(given) && !TAKEN.has(given)) return given;
    throw invalidOption(where, given, 'the name of a header in lower case that HTTP has no use for');
  },
);

/** Reads `lanes`: `true` for the defaults, false or undefined for none. */
export const readLanes: Reader<LaneSettings | undefined> = onOff(
  fields<LaneSettings>({ label: text('lane'), header: ofRequests, fallback: boolean(true) }),
  false,
);
