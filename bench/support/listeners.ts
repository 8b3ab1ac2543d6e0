import { Server, ServerCredentials } from '@grpc/grpc-js';

/** One gRPC server that listens on so many ports. */
export async function startListeners(
  count: number,
): Promise<{ readonly world: readonly number[]; stop(): Promise<void> }> {
  const server = new Server();
  const world: number[] = [];
  for (let i = 0; i < count; i++) {
    world.push(
      await new Promise((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
          if (error) reject(error);
          else resolve(port);
        });
      }),
    );
  }
  return { world, stop: async () => server.forceShutdown() };
}
