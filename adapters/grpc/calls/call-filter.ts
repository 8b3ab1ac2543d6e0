import type { experimental, Metadata, StatusObject } from '@grpc/grpc-js';
import { CallerContext } from '../../../src/adapter.js';

type FilterFactory = ReturnType<experimental.ConfigSelector['invoke']>['dynamicFilterFactories'][number];
type Filter = ReturnType<FilterFactory['createFilter']>;

/**
 * A filter of grpc-js that changes nothing: how a call waits before its first pick, and learns of
 * its end, in the turn in which it is cancelled too, while grpc-js has no attempt yet that it could
 * cancel. It is made in the context of its caller, and keeps it.
 */
export abstract class CallFilter extends CallerContext implements FilterFactory, Filter {
  /** On the way out, once; what is sent waits for it. */
  abstract sendMetadata(metadata: Promise<Metadata>): Promise<Metadata>;

  /** On the way back to who made the call, once. */
  abstract receiveTrailers(ended: StatusObject): StatusObject;

  createFilter(): this {
    return this;
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
