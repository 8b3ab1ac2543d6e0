import type { RedisOptions } from './driver.js';

/** SELECT, AUTH and CLIENT SETNAME become options, for the connections to come. */
export function rememberIn(options: RedisOptions, name: string, args: readonly (string | Buffer)[]): void {
  const [first, second] = args.map(String);
  if (name === 'select') options.db = Number(first);
  else if (name === 'client') options.connectionName = second!;
  else if (second === undefined) options.password = first!;
  else {
    options.username = first!;
    options.password = second;
  }
}
