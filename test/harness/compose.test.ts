import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ComposeProject } from '../../integration/harness/container/compose.js';

interface Service {
  readonly image: string;
  readonly command: string;
  readonly ports: string[];
  readonly network_mode?: string;
  readonly volumes?: string[];
  readonly healthcheck?: { readonly test: string[] };
}

interface ComposeFile {
  readonly services: Record<string, Service>;
}

const text = readFileSync(new URL('../../docker-compose.test.yml', import.meta.url), 'utf8');
const all = (parse(text, { merge: true }) as ComposeFile).services;

/** Servers that find others of the host, or are configured anew for each run: on its network. */
const onHost = Object.entries(all).filter(([, { network_mode }]) => network_mode === 'host');
const services = Object.fromEntries(Object.entries(all).filter(([, { network_mode }]) => network_mode === undefined));

describe('docker-compose.test.yml', () => {
  it('has Consul, etcd, three Redis, and of MySQL and MariaDB each a primary with two replicas', () => {
    const sql = ['mysql', 'mariadb'].flatMap((family) =>
      ['primary', 'replica-1', 'replica-2'].map((role) => `${family}-${role}`),
    );
    expect(Object.keys(services).sort()).toEqual(['consul', 'etcd', 'redis-1', 'redis-2', 'redis-3', ...sql].sort());
  });

  it.each(Object.entries(services))(
    '%s has a pinned image, a health check, and one loopback port that the harness can choose',
    (_, service) => {
      expect(service.image).toMatch(/:v?\d+\.\d+\.\d+$/);
      expect(service.healthcheck?.test.length).toBeGreaterThan(1);
      expect(service.ports).toHaveLength(1);
      expect(service.ports[0]).toMatch(/^127\.0\.0\.1:\$\{[A-Z0-9_]+_PORT:-\}:\d+$/);
    },
  );

  it('has proxies, Prometheus and dnsmasq on the network of the host, with a pinned image and a configuration that they cannot write', () => {
    expect(onHost.map(([name]) => name).sort()).toEqual([
      'dnsmasq',
      'haproxy',
      'nginx',
      'prometheus-2',
      'prometheus-3',
    ]);
    for (const [, { image, volumes }] of onHost) {
      expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?$/);
      expect(volumes?.every((volume) => volume.endsWith(':ro'))).toBe(true);
    }
  });

  it('gives each service a port variable of its own, and each MySQL server an id of its own', () => {
    const list = Object.values(services);
    expect(new Set(list.flatMap((service) => service.ports)).size).toBe(list.length);
    for (const family of ['mysql', 'mariadb']) {
      const commands = Object.entries(services).flatMap(([name, { command }]) =>
        name.startsWith(`${family}-`) ? [command] : [],
      );
      expect(new Set(commands.flatMap((command) => /--server-id=\d+/.exec(command) ?? [])).size).toBe(3);
    }
  });
});

describe('a server in a container', () => {
  /** Commands as they were run, without the part that all share. */
  function project() {
    const ran: string[] = [];
    const environments: Readonly<Record<string, string>>[] = [];
    const compose = new ComposeProject('true', { REDIS_1_PORT: '12345' }, (args, env) => {
      environments.push(env);
      ran.push(args.join(' ').replace(/compose -p fairlead-\S+ -f \S+docker-compose\.test\.yml /, ''));
      if (args.includes('ps')) return 'c0ffee\n';
      return args[0] === 'inspect' ? '4711\n' : '';
    });
    return { compose, ran, environments };
  }

  it('starts, pauses, dies and returns by these commands, with its host port fixed for all of them', async () => {
    const { compose, ran, environments } = project();
    const redis = compose.service('redis-1');
    expect(redis.pid).toBeUndefined();
    await redis.start();
    expect(redis.pid).toBe(4711);
    await redis.pause();
    await redis.resume();
    await redis.kill();
    expect(redis.pid).toBeUndefined();
    await redis.start();
    await redis.stop();
    await redis.wipe();
    await redis.dispose();
    expect(ran).toEqual([
      'up -d --wait --no-deps redis-1',
      'ps -q redis-1',
      'inspect --format {{.State.Pid}} c0ffee',
      'pause redis-1',
      'unpause redis-1',
      'kill redis-1',
      'up -d --wait --no-deps redis-1',
      'ps -q redis-1',
      'inspect --format {{.State.Pid}} c0ffee',
      'stop -t 10 redis-1',
      'rm -f -s -v redis-1',
      'down -v -t 0',
    ]);
    expect(environments.every((env) => env.REDIS_1_PORT === '12345')).toBe(true);
  });

  it('is neither stopped nor killed twice', async () => {
    const { compose, ran } = project();
    const redis = compose.service('redis-1');
    await redis.stop();
    await redis.kill();
    expect(ran).toEqual([]);
    compose.down();
  });

  it('runs a program of its image once, and leaves nothing, also where it fails', () => {
    const { compose, ran } = project();
    compose.once('prometheus-3', 'promtool', 'check', 'rules', '/a.yml');
    expect(ran).toEqual(['run --rm --no-deps --entrypoint promtool prometheus-3 check rules /a.yml', 'down -v -t 0']);
    const down: string[] = [];
    const failing = new ComposeProject('true', {}, (args) => {
      if (args.includes('run')) throw new Error('FAILED');
      down.push(args.at(-4) ?? '');
      return '';
    });
    expect(() => failing.once('prometheus-3', 'promtool', 'check', 'rules', '/a.yml')).toThrow('FAILED');
    expect(down).toEqual(['down']);
  });

  it('shares its project with nobody', () => {
    const [one, other] = [project().compose, project().compose];
    expect(one.name).not.toBe(other.name);
    one.down();
    other.down();
  });
});
