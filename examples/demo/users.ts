import { fileURLToPath } from 'node:url';
import type { Client, ServiceClientConstructor, ServiceDefinition } from '@grpc/grpc-js';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** The service of the demo, `users.proto`, as server and client see it. */
export interface GetRequest {
  readonly id: number;
}

export interface User {
  readonly id: number;
  readonly name: string;
  readonly servedBy: string;
}

export type UsersClient = Client & {
  get(
    request: GetRequest,
    options: { readonly deadline: number },
    callback: (error: grpc.ServiceError | null, user?: User) => void,
  ): void;
};

const loaded = grpc.loadPackageDefinition(loadSync(fileURLToPath(new URL('users.proto', import.meta.url))));
const { Users } = loaded.demo as unknown as { readonly Users: ServiceClientConstructor };

export const UsersConstructor: new (
  target: string,
  credentials: grpc.ChannelCredentials,
  options?: grpc.ClientOptions,
) => UsersClient = Users as never;
export const usersService: ServiceDefinition = Users.service;
