// The cheapest gRPC server there is: one unary method that answers nothing, and a stream that returns
// what it is sent. Ends with its parent.
import grpc from '@grpc/grpc-js';

const same = (bytes) => bytes;
const empty = Buffer.alloc(0);
const server = new grpc.Server({ 'grpc.enable_channelz': 0 });
server.addService(
  {
    Call: {
      path: '/bench.Bench/Call',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
    Chat: {
      path: '/bench.Bench/Chat',
      requestStream: true,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  {
    Call: (_call, done) => done(null, empty),
    Chat: (call) => {
      call.on('data', (message) => call.write(message));
      call.on('end', () => call.end());
    },
  },
);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send({ port });
});
process.on('disconnect', () => process.exit(0));
