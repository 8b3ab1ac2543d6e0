import { experimental } from '@grpc/grpc-js';

/** What grpc-js asks of the connection that it was given for a call. */
interface BareConnection {
  getCallCredentials(): unknown;
  getConnectivityState(): unknown;
  getRealSubchannel?(): unknown;
}

/** A pick that grpc-js goes on with, over what only looks like a connection. */
export function barePick(connection: BareConnection): experimental.PickResult {
  const subchannel = {
    ...connection,
    // Where grpc-js traces.
    getChannelzRef: () => ({ id: 0 }),
    getAddress: () => 'none',
  };
  return {
    pickResultType: experimental.PickResultType.COMPLETE,
    subchannel: subchannel as unknown as experimental.SubchannelInterface,
    status: null,
    onCallStarted: null,
    onCallEnded: null,
  };
}
