import { createMesh, type FairleadError } from 'fairlead';
import { dnsResolver } from 'fairlead/dns';

/**
 * Endpoints from DNS, as of a headless service in Kubernetes: the addresses of a name, at one port.
 * Give a DNS server, a name, and the port at which HTTP is answered there:
 *
 *     npx tsx --conditions=fairlead-source examples/dns.ts 10.96.0.10:53 users.default.svc.cluster.local 8080
 */
const [server, name, port] = process.argv.slice(2);
if (server === undefined || name === undefined) throw new Error('Give a DNS server, a name and a port.');
const mesh = createMesh({ resolver: dnsResolver({ servers: [server], port: Number(port) }) });
const users = mesh.service('users', { discovery: { name }, policy: 'round_robin', resilience: { idempotent: true } });
await users.ready();
console.log(`${name} has ${users.endpoints.map(({ spec }) => spec.host).join(', ')}`);

const answered = new Set<string>();
let failed = 0;
for (let i = 0; i < 20; i++) {
  try {
    await users.call(async ({ spec }, signal) => {
      const response = await fetch(`http://${spec.host}:${spec.port}/`, { signal });
      await response.text();
      answered.add(spec.host);
    });
  } catch {
    failed++;
  }
}
console.log(`answered: ${[...answered].sort().join(', ')}; failed: ${failed} of 20`);

// Once DNS has said that there is no such name, calls are refused at once.
const nobody = mesh.service('nobody', { discovery: { name: `nobody.${name}` } });
await new Promise((resolve) => nobody.on('error', resolve));
await nobody
  .call(() => 'never')
  .catch((error: FairleadError) => console.log(`${error.code}: ${(error.cause as FairleadError).code}`));
await mesh.close();
