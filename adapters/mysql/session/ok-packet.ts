interface StateChanges {
  readonly gtids?: readonly string[] | string | null;
  readonly schema?: string | null;
  readonly systemVariables?: Readonly<Record<string, string>> | null;
}

/**
 * mysql2's ResultSetHeader: what a server reports in its answer to a statement that returns no
 * rows.
 */
export interface OkPacket {
  readonly serverStatus: number;
  readonly insertId: number;
  readonly affectedRows: number;
  readonly stateChanges?: StateChanges;
}

/**
 * By all of its names: mysql2 exports no class to ask for, and a row may have columns of any name.
 */
export function isPacket(value: unknown): value is OkPacket {
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

const NO_GTIDS: readonly string[] = [];

/** The positions of what was written, in the form of either server. */
export function gtidsOf({ stateChanges }: OkPacket): readonly string[] {
  if (stateChanges === undefined) return NO_GTIDS;
  const { gtids, systemVariables } = stateChanges;
  const lastGtid = systemVariables?.last_gtid;
  const own = typeof gtids === 'string' ? [gtids] : (gtids ?? NO_GTIDS);
  return lastGtid ? [...own, lastGtid] : own;
}
