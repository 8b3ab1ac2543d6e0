// The cheapest gRPC server there is: one unary method that answers nothing, and a stream that returns
// what it is sent. Listens on as many ports as its argument says, or one. Ends with its parent.
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
const listen = () =>
  new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
const ports = [];
for (let i = 0; i < Number(process.argv[2] ?? 1); i++) ports.push(await listen());
process.send({ port: ports[0], ports });
process.on('disconnect', () => process.exit(0));
