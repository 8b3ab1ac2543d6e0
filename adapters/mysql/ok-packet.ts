/** SERVER_STATUS_IN_TRANS of the protocol's status flags. */
export const IN_TRANSACTION = 1;
/** SERVER_STATUS_AUTOCOMMIT. */
export const AUTOCOMMIT = 2;

interface StateChanges {
  readonly gtids?: readonly string[] | string | null;
  readonly schema?: string | null;
  readonly systemVariables?: Readonly<Record<string, string>> | null;
}

/** What a server tells in its answer to a statement that gives no rows. */
export interface OkPacket {
  readonly serverStatus?: number;
  readonly insertId?: number;
  readonly affectedRows?: number;
  readonly stateChanges?: StateChanges;
  /** The positions of what was written, in the form of either server. */
  readonly gtids: readonly string[];
}

const NONE: readonly OkPacket[] = [];
const NO_GTIDS: readonly string[] = [];

/**
 * The OK packets in a result: the result itself, or, where `inside`, some of the results of a CALL or of several
 * statements in one. Rows are not searched otherwise: there may be many, and a column may be called like anything.
 */
export function packetsOf(result: unknown, inside: boolean): readonly OkPacket[] {
  if (typeof result !== 'object' || result === null) return NONE;
  if (!Array.isArray(result)) return isPacket(result) ? [read(result)] : NONE;
  return inside ? result.filter(isPacket).map(read) : NONE;
}

/** All of the names of mysql2's ResultSetHeader: it exports no class to ask for. */
export function isPacket(value: unknown): value is Omit<OkPacket, 'gtids'> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'affectedRows' in value &&
    'insertId' in value &&
    'serverStatus' in value &&
    'warningStatus' in value &&
    typeof value.serverStatus === 'number'
  );
}

function read(packet: Omit<OkPacket, 'gtids'>): OkPacket {
  const { serverStatus, insertId, affectedRows, stateChanges } = packet;
  return {
    ...(serverStatus !== undefined && { serverStatus }),
    ...(insertId !== undefined && { insertId }),
    ...(affectedRows !== undefined && { affectedRows }),
    ...(stateChanges !== undefined && { stateChanges }),
    gtids: stateChanges === undefined ? NO_GTIDS : gtidsOf(stateChanges),
  };
}

function gtidsOf({ gtids, systemVariables }: StateChanges): readonly string[] {
  const lastGtid = systemVariables?.last_gtid;
  const own = typeof gtids === 'string' ? [gtids] : (gtids ?? NO_GTIDS);
  return lastGtid ? [...own, lastGtid] : own;
}
