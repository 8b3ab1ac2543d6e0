import { createConfigStore, fileSource } from '../src/config/index.js';
import { createMesh } from '../src/index.js';
import { type Command, Exit, given, givenNumber, isJson, UsageError } from './command.js';
import { readDocument } from './document.js';
import { styled } from './terminal.js';

/** Why the version before stays in force, though the file says another. */
const HELD = {
  storm: 'the file changed three times within a minute: it is read when it has not for 2 s',
  rolled_back: 'the file has a version that was rolled back: it is left alone for 10 minutes',
} as const;

export const command: Command = {
  usage: 'FILE [--port N] [--host ADDRESS] [--page N]',
  about:
    'A reverse proxy by a configuration with `resolver`, `services` and `gateway.routes`. It follows the file while it runs; SIGTERM ends it when the requests in progress are answered.',
  options: {
    port: { type: 'string', value: 'N', about: 'default 8080; 0 for one that is free' },
    host: { type: 'string', value: 'ADDRESS', about: 'default 127.0.0.1' },
    page: { type: 'string', value: 'N', about: 'serves the page on this port; FAIRLEAD_ADMIN_TOKEN is its token' },
  },
  examples: ['fairlead gateway gateway.yaml', 'fairlead gateway gateway.yaml --port 80 --host 0.0.0.0 --page 9901'],
  async run(input, io) {
    const [file] = input.words;
    if (file === undefined || input.words.length > 1) throw new UsageError('Which configuration?');
    const { document } = await readDocument(file, io.env);
    if (document.gateway === undefined) throw new UsageError(`${file} has no gateway.routes.`);
    const { createGateway } = await import('../adapters/gateway/index.js');
    const mesh = createMesh();
    const config = createConfigStore(mesh, { source: fileSource(), key: file });
    await config.ready();
    config.on('refused', ({ error }) => io.err(`${error.message}\n`));
    config.on('applied', ({ number }) => io.err(`version ${number} is in force\n`));
    config.on('held', ({ reason }) => io.err(`${HELD[reason]}\n`));
    const gateway = createGateway(mesh, { routes: [] });
    gateway.follow(config);
    const host = given(input, 'host') ?? '127.0.0.1';
    const port = await gateway.listen(givenNumber(input, 'port', 8_080, 0, 65_535), host);
    const page =
      given(input, 'page') === undefined ? undefined : await servePage(givenNumber(input, 'page', 0, 0, 65_535));
    if (isJson(input)) io.out(`${JSON.stringify({ host, port, ...(page && { page }) })}\n`);
    else io.out(`${styled(io, 'green', 'listening')}  http://${host}:${port}/${page ? `  page ${page}` : ''}\n`);
    await new Promise<void>((resolve) => {
      io.signal.onabort = () => resolve();
      if (io.signal.aborted) resolve();
    });
    await mesh.close();
    return Exit.ok;

    async function servePage(at: number): Promise<string> {
      const { createAdmin } = await import('../adapters/admin/index.js');
      const token = io.env.FAIRLEAD_ADMIN_TOKEN;
      const admin = createAdmin(mesh, { config, ...(token && { token }) });
      await admin.listen(at);
      return admin.address!;
    }
  },
};
