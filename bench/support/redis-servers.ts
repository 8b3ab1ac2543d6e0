export interface Address {
  readonly host: string;
  readonly port: number;
}

export async function startThreeRedis(): Promise<{ readonly world: readonly Address[]; stop(): Promise<void> }> {
  const { startRedis } = await import('../../integration/harness/index.js');
  const servers = await Promise.all([1, 2, 3].map(() => startRedis()));
  return {
    world: servers.map(({ host, port }) => ({ host, port })),
    stop: async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}
