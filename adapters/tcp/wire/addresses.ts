/** Where a connection ends. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** Whose connection it is, and where it went. */
export interface ProxiedAddresses {
  readonly source: Address;
  readonly destination: Address;
}

/** The text of an address of 4 or 16 bytes; IPv6 without leaving zeros out. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: string[] = [];
  for (let i = 0; i < bytes.length; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return groups.join(':');
}
