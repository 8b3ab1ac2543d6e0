import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { consecutiveFailures, createMesh, type Mesh, Outcome, staticResolver } from 'fairlead';
import { createAdmin } from 'fairlead/admin';
import { createGateway } from 'fairlead/gateway';
import { createPool } from 'fairlead/mysql/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saysWho } from '../http/support.js';
import { recordedFlight } from './recorded-flight.js';
import { BuiltCommand, file, inTerminal, piped, startInTerminal, untilSaid } from './support.js';

let built: BuiltCommand;
let mesh: Mesh;
let url: string;

beforeAll(async () => {
  built = new BuiltCommand();
  const endpoints = ['a', 'b', '\u001b[31mred'].map((id, i) => ({ id, host: '10.0.0.1', port: i + 1, zone: 'eu-1' }));
  mesh = createMesh({ resolver: staticResolver({ users: endpoints, cache: endpoints, db: ['127.0.0.1:1'] }) });
  const admin = createAdmin(mesh);
  const health = [consecutiveFailures({ baseEjectionMs: 280_000 })];
  mesh.service('users', { policy: 'least_request', health, recorder: true });
  mesh.service('cache', { policy: 'least_request', health });
  createGateway(mesh, { routes: [{ name: 'all', match: { path: '/users/*' }, service: 'users' }] });
  createPool(mesh, { service: 'db', user: 'nobody' });
  await admin.listen();
  url = admin.address!;
  for (let i = 0; i < 5; i++) mesh.service('users').acquire({ prefer: 'b' }).done(Outcome.Failure);
});
afterAll(async () => {
  built[Symbol.dispose]();
  await mesh.close();
});

const ESC = '\u001b';
const good = () =>
  file('good.yaml', 'resolver: { static: { users: ["127.0.0.1:5001"] } }\nservices:\n  users: { policy: random }\n');
const other = () =>
  file(
    'other.yaml',
    'resolver: { static: { users: ["127.0.0.1:5001"] } }\nservices:\n  users: { policy: round_robin }\n',
  );

describe('the command', () => {
  it('says what there is, in colour on a terminal and plainly elsewhere', async () => {
    const shown = await inTerminal(['--help']);
    expect([shown.code, shown.out.includes(ESC)]).toEqual([0, true]);
    for (const name of ['demo', 'top', 'watch', 'explain', 'check', 'diff', 'ring', 'route', 'simulate', 'gateway']) {
      expect(shown.out).toMatch(new RegExp(`${name}\\b`));
    }
    expect((await inTerminal(['--help'], { NO_COLOR: '1' })).out).not.toContain(ESC);
    expect((await piped(['ring', '--help'])).out).toMatch(/Usage: fairlead ring.*Examples:/s);
  });

  it('refuses what it does not know, by exit code 2', async () => {
    for (const args of [
      ['nothing'],
      ['ring', '--what'],
      ['check'],
      ['check', '/nowhere.yaml'],
      ['top'],
      ['route'],
      ['route', ''],
    ]) {
      expect((await piped(args)).code, args.join(' ')).toBe(2);
    }
  });

  it('completes in bash, zsh and fish', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, out } = await piped(['completion', shell]);
      expect([code, out.includes('placement')]).toEqual([0, true]);
    }
    const { out } = await piped(['completion', 'bash']);
    const typed = `${out}\nCOMP_WORDS=(fairlead ring --pl); COMP_CWORD=2; _fairlead; echo "\${COMPREPLY[@]}"`;
    expect(execFileSync('bash', ['-c', typed], { encoding: 'utf8' })).toBe('--placement\n');
  });
});

describe('check and diff', () => {
  it('say what is wrong by file, line and column, and what changed', async () => {
    const bad = file('bad.yaml', 'services:\n  users: { polcy: random }\n');
    const checked = await inTerminal(['check', bad], { NO_COLOR: '1' });
    expect(checked.code).toBe(1);
    expect(checked.out).toMatch(/bad\.yaml:2:12 .*polcy is not an option.*Did you mean policy\?/s);
    expect(JSON.parse((await piped(['check', bad, '--json'])).out).problems).toMatchObject([
      { line: 2, column: 12, nearest: 'policy' },
    ]);
    expect((await piped(['check', good()])).code).toBe(0);
    const { code, out } = await inTerminal(['diff', good(), other()], { NO_COLOR: '1' });
    expect([code, out]).toEqual([1, 'services.users.policy  rebuild\n  - "random"\n  + "round_robin"\n']);
    expect((await piped(['diff', good(), good()])).code).toBe(0);
  });
});

describe('route', () => {
  it('says where a statement would go, and why', async () => {
    const { code, out } = await inTerminal(['route', 'SELECT id FROM users FOR UPDATE'], { NO_COLOR: '1' });
    expect([code, out]).toEqual([0, 'primary  locks what it reads\n']);
    expect(JSON.parse((await piped(['route', 'SELECT 1', '--json'])).out)).toMatchObject([
      { sql: 'SELECT 1', route: 'replica' },
    ]);
  });
});

describe('ring', () => {
  it('says who owns a key, as the client places it, and what moves', async () => {
    const { code, out } = await inTerminal(['ring', 'k1', 'k2', '--nodes', 'a,b,c', '--remove', 'a'], {
      NO_COLOR: '1',
    });
    expect([code, out]).toEqual([0, 'k1  a  moves to c\nk2  c\n']);
    const { shares, moved } = JSON.parse((await piped(['ring', '--nodes', 'a,b=2,c', '--add', 'd', '--json'])).out);
    expect(shares.map(({ node }: { node: string }) => node)).toEqual(['a', 'b', 'c', 'd']);
    expect(moved).toBeGreaterThan(0.1);
    expect(moved).toBeLessThan(0.3);
    expect((await piped(['ring', '--nodes', 'a,a'])).code).toBe(2);
  });

  it('takes the nodes of a configuration, or of a process', async () => {
    expect((await piped(['ring', 'k', '--config', good(), '--service', 'users'])).out).toContain('127.0.0.1:5001');
    expect((await piped(['ring', 'k', '--admin', url, '--service', 'cache'])).out).toMatch(/^k {2}(a|b)\n$|red/);
    expect((await piped(['ring', 'k', '--admin', url, '--service', 'none'])).code).toBe(2);
  });
});

describe('what looks into a process', () => {
  it('top shows its services on a screen of its own, until it is ended', async () => {
    const { code, out } = await untilSaid(startInTerminal(['top', '--admin', url]), /users/);
    expect(out).toContain(`${ESC}[?1049h`);
    expect(out).toContain(`${ESC}[?1049l`);
    expect(out).toMatch(/users.*degraded.*2\/3.*least_request/);
    expect(code).toBe(130);
  });

  it('watch shows endpoints, those that are out first, and no mark of theirs reaches the terminal', async () => {
    const { code, out } = await inTerminal(['watch', 'users', '--admin', url, '--once'], { NO_COLOR: '1' });
    expect(code).toBe(0);
    expect(out).toMatch(/endpoint.*\nb .*ejected.*consecutive_failures\n/);
    expect(out).toContain('?[31mred');
    expect(out).not.toContain(ESC);
    const service = JSON.parse((await piped(['watch', 'users', '--admin', url, '--once', '--json'])).out);
    expect(service.endpoints.b).toMatchObject({ state: 'ejected' });
  });

  it('watch asks a resolver from here', async () => {
    const { code, out } = await piped(['watch', 'users', '--config', good(), '--once']);
    expect(code).toBe(0);
    expect(out).toMatch(/127\.0\.0\.1:5001 +ready/);
  });

  it('top asks a resolver for the services of a configuration, or those that are named', async () => {
    const named = await piped(['top', 'users', '--config', good(), '--once']);
    const all = await piped(['top', '--config', good(), '--once']);
    for (const { code, out } of [named, all]) {
      expect([code, out]).toEqual([0, expect.stringMatching(/\nusers +ready +1\/1 +random/)]);
    }
    const none = file('none.yaml', 'resolver: { static: { users: ["127.0.0.1:5001"] } }\n');
    const { code, out } = await piped(['top', '--config', none, '--once']);
    expect([code, out]).toEqual([2, expect.stringContaining('names none under services')]);
  });

  it('top shows the services that are named alone', async () => {
    const { services } = JSON.parse((await piped(['top', 'cache', '--admin', url, '--once', '--json'])).out);
    expect(Object.keys(services)).toEqual(['cache']);
  });

  it('refuses a service that is not there, and what is no address, by exit code 2', async () => {
    for (const args of [
      ['watch', 'none'],
      ['watch', 'none', '--json'],
      ['top', 'users', 'none'],
    ]) {
      const { code, out } = await piped([...args, '--admin', url, '--once']);
      expect([code, out], args.join(' ')).toEqual([2, expect.stringContaining('There is no service none: there are')]);
    }
    for (const admin of ['foo', 'localhost:9901', '']) {
      const { code, out } = await piped(['top', '--once', '--admin', admin]);
      expect([code, out], admin).toEqual([2, expect.stringContaining('allowed is an address such as http://')]);
    }
  });

  it('explain says which endpoint, and why not the others', async () => {
    const { code, out } = await inTerminal(['explain', 'users', '--admin', url], { NO_COLOR: '1' });
    expect(code).toBe(0);
    expect(out).toMatch(/by least_request\n/);
    expect(out).toMatch(/\nb .*ejected/);
    expect(JSON.parse((await piped(['explain', 'users', '--admin', url, '--json'])).out)).toMatchObject({
      service: 'users',
    });
  });

  it('explain says where a statement and a request would go, and refuses what there is no part for', async () => {
    const sql = await inTerminal(['explain', 'db', '--admin', url, '--sql', 'DELETE FROM t'], { NO_COLOR: '1' });
    expect([sql.code, sql.out]).toEqual([0, expect.stringMatching(/^mysql db\n.*target {2}primary\n/s)]);
    const request = ['explain', '--admin', url, '--request', 'get /users/7', '--label', 'x-user: ada'];
    const { code, out } = await inTerminal(request, { NO_COLOR: '1' });
    expect(code).toBe(0);
    expect(out).toMatch(/^gateway gateway\nroute {2}all\naction {2}forward\nservice {2}users\n.* by least_request\n/);
    expect(JSON.parse((await piped([...request, '--json'])).out)).toMatchObject({
      route: 'all',
      part: 'gateway gateway',
    });
    for (const args of [
      ['users', '--sql', 'SELECT 1'],
      ['--sql', 'SELECT 1', '--request', '/x'],
      ['db', '--sql', 'SELECT 1', '--key', 'k'],
      ['cache', '--redis-key', 'k'],
      ['--method', '/x.Y/Z'],
      ['--request', 'one two three'],
      [],
    ]) {
      expect((await piped(['explain', ...args, '--admin', url])).code, args.join(' ')).toBe(2);
    }
  });

  it('says where nothing answers, by exit code 3', async () => {
    const { code, out } = await piped(['top', '--admin', 'http://127.0.0.1:1']);
    expect([code, out.includes('does not answer')]).toEqual([3, true]);
  });

  it('says of a process that is closing, or ends in the midst of an answer, that it is gone: exit code 3', async () => {
    const other = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1'] }) });
    const admin = createAdmin(other);
    const server = createServer((request, response) => {
      if (request.url?.startsWith('/ends/') !== true) return admin.handler(request, response);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('event: state\ndata: {}');
      setTimeout(() => response.destroy(), 20);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await other.close();
    const ran = [
      await piped(['top', '--admin', at]),
      await piped(['top', '--once', '--admin', at]),
      await piped(['top', '--admin', `${at}/ends`]),
      await piped(['watch', 'users', '--once', '--admin', `${at}/ends`]),
    ];
    server.close();
    expect(ran.map(({ code }) => code)).toEqual([3, 3, 3, 3]);
    expect(ran.map(({ out }) => out.replaceAll(at, 'X').replace('fairlead ', ''))).toEqual([
      'X is closed.\n',
      'X is closed.\n',
      'X/ends ended.\n',
      'X/ends ended in the midst of its answer.\n',
    ]);
  });
});

describe('simulate', () => {
  it('compares policies, and draws them in the terminal, as SVG and as a page', async () => {
    const [svg, html] = [file('a.svg', ''), file('a.html', '')];
    const args = ['simulate', '--policy', 'round_robin,peak_ewma', '--seconds', '15', '--svg', svg, '--html', html];
    const { code, out } = await inTerminal(args, { NO_COLOR: '1' });
    expect(code).toBe(0);
    expect(out).toMatch(/round_robin .*█+\n.*peak_ewma .*█+\n/);
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg .*peak_ewma.*<\/svg>\n$/s);
    expect(readFileSync(html, 'utf8')).toMatch(/<table>.*round_robin/s);
    const again = JSON.parse((await piped([...args.slice(0, 5), '--json'])).out);
    const [first, second] = again.policies as readonly { readonly policy: string; readonly p99Ms: number }[];
    expect([first!.policy, first!.p99Ms > second!.p99Ms]).toEqual(['round_robin', true]);
  });
});

describe('simulate with a recorded flight', () => {
  it('says what another policy would have made of it, over time, in the terminal and as pictures', async () => {
    const path = file('flight.json', JSON.stringify(recordedFlight()));
    const [svg, html] = [file('a.svg', ''), file('a.html', '')];
    const args = ['simulate', '--flight', path, '--policy', 'round_robin,peak_ewma'];
    const { code, out } = await inTerminal([...args, '--svg', svg, '--html', html], { NO_COLOR: '1' });
    expect(code).toBe(0);
    expect(out).toMatch(/as it was, round_robin .*▁+.*█.*▁.*\nround_robin .*█.*\npeak_ewma .*▁.*\n/);
    expect(readFileSync(svg, 'utf8')).toMatch(/p99 over time.*as it was, round_robin.*<path class="line".*<\/svg>\n$/s);
    expect(readFileSync(html, 'utf8')).toMatch(/<svg.*<table>.*peak_ewma/s);
    const { policies } = JSON.parse((await piped([...args, '--json'])).out);
    const [was, same, better] = policies as readonly { readonly p99MsOverTime: readonly number[] }[];
    const slowFor = ({ p99MsOverTime }: typeof was & object): number => p99MsOverTime.filter((p99) => p99 > 400).length;
    expect(slowFor(was!)).toBeGreaterThanOrEqual(12);
    expect(slowFor(same!)).toBeGreaterThanOrEqual(12);
    expect(slowFor(better!)).toBeLessThan(8);
    // Without keys, policies that go by them are left out; with all that there are it says so.
    const all = JSON.parse((await piped(['simulate', '--flight', path, '--json'])).out).policies;
    const names = all.map(({ policy }: { readonly policy: string }) => policy);
    expect(names).toContain('least_request');
    expect(names).not.toContain('maglev');
  });

  it('is taken of a process, as it goes on or as an alert froze it', async () => {
    const args = ['simulate', '--admin', url, '--service', 'users', '--policy', 'peak_ewma'];
    const now = await inTerminal(args, { NO_COLOR: '1' });
    expect([now.code, now.out]).toEqual([0, expect.stringMatching(/^users from 20.*\nas it was, least_request /s)]);
    expect((await piped([...args, '--frozen'])).code).toBe(2);
    mesh.service('users').flight!.freeze('error_rate: 7 % fail');
    expect((await piped([...args, '--frozen'])).out).toMatch(/^users from .*, kept for error_rate: 7 % fail\n/);
  });

  it('refuses what is no flight, and options that say nothing of one', async () => {
    const good = file('flight.json', JSON.stringify(recordedFlight()));
    for (const args of [
      ['--flight', '/nowhere.json'],
      ['--flight', file('a.json', '{')],
      ['--flight', file('a.json', '{}')],
      ['--flight', good, '--rate', '5'],
      ['--flight', good, '--admin', url],
      ['--admin', url],
      ['--admin', url, '--service', 'cache'],
      ['--frozen'],
    ]) {
      const { code, out } = await piped(['simulate', ...args]);
      expect([code, out.includes('fairlead simulate --help')], args.join(' ')).toEqual([2, true]);
    }
  });
});

describe('demo', () => {
  it('shows servers of its own, and serves the page', async () => {
    const { out } = await untilSaid(startInTerminal(['demo', '--page', '--seconds', '20']), /page: .*http:.*dogwood/s);
    expect(out).toMatch(/alder .*ready/);
    const { code, out: lines } = await piped(['demo', '--seconds', '2', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(lines.split('\n')[0]!)).toMatchObject({ name: 'users' });
  });
});

describe('gateway', () => {
  it('serves the routes of a configuration, until it is ended', async () => {
    await using backend = await saysWho('a');
    const path = file(
      'gateway.yaml',
      `resolver: { static: { users: ['127.0.0.1:${backend.port}'] } }\ngateway:\n  routes:\n    - { match: { path: /api/* }, service: users }\n`,
    );
    const child = startInTerminal(['gateway', path, '--port', '0', '--page', '0', '--json']);
    const line = await new Promise<string>((resolve) => {
      let out = '';
      child.stdout!.on('data', (chunk: Buffer) => {
        out += chunk.toString();
        if (out.includes('}\r\n')) resolve(out.slice(out.indexOf('{')));
      });
    });
    const { port, page } = JSON.parse(line) as { readonly port: number; readonly page: string };
    expect(await (await fetch(`http://127.0.0.1:${port}/api/x`)).json()).toMatchObject({ id: 'a' });
    expect((await fetch(`http://127.0.0.1:${port}/other`)).status).toBe(404);
    expect((await fetch(page)).status).toBe(200);
    const ended = untilSaid(child, /$/);
    child.stdin!.write('\u0003');
    expect((await ended).code).toBe(130);
    const { code, out } = await piped(['gateway', good()]);
    expect([code, out.includes('has no gateway.routes')]).toEqual([2, true]);
  });

  it('says why a file that changed is not in force yet', async () => {
    const route = (path: string): string =>
      JSON.stringify({
        resolver: { static: { users: [] } },
        gateway: { routes: [{ match: { path }, service: 'users' }] },
      });
    const path = file('gateway.json', route('/1'));
    const child = startInTerminal(['gateway', path, '--port', '0']);
    const said = untilSaid(child, /three times within a minute: it is read when it has not for 2 s.*version 3/s);
    let next = 2;
    child.stdout!.on('data', (chunk: Buffer) => {
      if (/listening|in force/.test(chunk.toString()) && next < 4) writeFileSync(path, route(`/${next++}`));
    });
    expect((await said).code).toBe(130);
  });
});
