import { connectivityState, credentials, experimental, type StatusObject } from '@grpc/grpc-js';

type Subchannel = ReturnType<experimental.SubchannelInterface['getRealSubchannel']>;
type CreateCall = Subchannel['createCall'];

/** What grpc-js does with an attempt that has ended already, or asks of it. */
const ENDED = {
  cancelWithStatus: () => {},
  getPeer: () => 'none',
  sendMessageWithContext: () => {},
  startRead: () => {},
  halfClose: () => {},
  getCallNumber: () => 0,
  getDeadlineInfo: () => [],
  getAuthContext: () => null,
} as unknown as ReturnType<CreateCall>;

/**
 * A pick that grpc-js takes for a sent attempt, which has ended at once. A pick that fails would not do: a call that is
 * `waitForReady` would wait for another one, for ever.
 */
export function unsentAttempt(ended: StatusObject): experimental.PickResult {
  const createCall: CreateCall = (_metadata, _host, _method, listener) => {
    // Not before grpc-js has what is returned here.
    queueMicrotask(() => listener.onReceiveStatus(ended));
    return ENDED;
  };
  const subchannel = {
    getCallCredentials: () => credentials.createEmpty(),
    getConnectivityState: () => connectivityState.READY,
    getRealSubchannel: () => ({ createCall }),
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
