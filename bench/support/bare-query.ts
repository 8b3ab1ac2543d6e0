import { type Agent, get } from 'node:http';

/** The least one can do: one GET, its body read and parsed. Resolves with Consul's next index. */
export function bareQuery(url: string, agent: Agent, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${url}${path}`, { agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        JSON.parse(Buffer.concat(chunks).toString());
        resolve(String(response.headers['x-consul-index']));
      });
      response.on('error', reject);
    }).on('error', reject);
  });
}
