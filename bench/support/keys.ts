/** More than any cache of keys here remembers unnoticed; 20 characters, as session keys have. */
export const KEYS: readonly string[] = Array.from({ length: 8_192 }, (_, i) => `user:session:${100_000 + i}`);
