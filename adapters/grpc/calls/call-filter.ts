import type { experimental, Metadata, StatusObject } from '@grpc/grpc-js';

type FilterFactory = ReturnType<experimental.ConfigSelector['invoke']>['dynamicFilterFactories'][number];
type Filter = ReturnType<FilterFactory['createFilter']>;

/**
 * A filter of grpc-js that changes nothing: how a call learns of its end, in the turn in which it
 * is cancelled too, while grpc-js has no attempt yet that it could cancel.
 */
export abstract class CallFilter implements FilterFactory, Filter {
  /** On the way back to who made the call, once. */
  abstract receiveTrailers(ended: StatusObject): StatusObject;

  createFilter(): this {
    return this;
  }

  sendMetadata(metadata: Promise<Metadata>): Promise<Metadata> {
    return metadata;
  }

  receiveMetadata(metadata: Metadata): Metadata {
    return metadata;
  }

  sendMessage(message: ReturnType<Filter['sendMessage']>): ReturnType<Filter['sendMessage']> {
    return message;
  }

  receiveMessage(message: Promise<Buffer>): Promise<Buffer> {
    return message;
  }
}
