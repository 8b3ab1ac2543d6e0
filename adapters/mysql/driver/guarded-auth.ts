import * as mysql from 'mysql2';

type Handler = (data: Buffer) => unknown;
type Plugin = (context: unknown) => Handler;

/**
 * What mysql2's plugin sends when it asks the server for its public key, to encrypt the password
 * with it.
 */
const KEY_REQUESTS: Readonly<Record<string, number>> = {
  caching_sha2_password: 2,
  sha256_password: 1,
};

/**
 * mysql2's plugins for passwords that are hashed by SHA-256, refusing the one step that is not safe
 * without TLS: they encrypt the password with whatever public key the server sends, so any server
 * at its address can read it (MySQL Reference Manual, "Caching SHA-2 Pluggable Authentication", on
 * get_server_public_key). Logins that the server's cache answers go on as before.
 */
export function guardedAuthPlugins(where: string): Readonly<Record<string, Plugin>> {
  const factories = (mysql as unknown as { authPlugins: Record<string, (options: object) => Plugin> }).authPlugins;
  return Object.fromEntries(
    Object.entries(KEY_REQUESTS).map(([name, request]) => {
      const plugin = factories[name]!({});
      const guarded: Plugin = (context) => {
        const handler = plugin(context);
        return (data) => {
          const answer = handler(data);
          if (Buffer.isBuffer(answer) && answer.length === 1 && answer[0] === request) throw keyRefused(where, name);
          return answer;
        };
      };
      return [name, guarded];
    }),
  );
}

function keyRefused(where: string, plugin: string): Error {
  return new Error(
    `Server ${where} asks for the password, encrypted with a public key of its own (${plugin}, no TLS): refused, because ` +
      'whoever answers at that address could read it. Use ssl, or allowPublicKeyRetrieval: true on a network that you trust.',
  );
}
