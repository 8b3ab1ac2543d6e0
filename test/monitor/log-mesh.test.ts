import { createMesh, Outcome, type Resolver, type ResolverSink, staticResolver } from 'fairlead';
import { type LogMeshOptions, logMesh } from 'fairlead/monitor';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints } from '../support/mesh.js';

function setUp(resolver: Resolver, options?: LogMeshOptions) {
  const clock = new ManualClock(1_000);
  const mesh = createMesh({ resolver, clock, random: seededRandom(1), defaults: { policy: 'round_robin' } });
  const lines: string[] = [];
  const to = (level: string) => (line: string) => void lines.push(`${level} ${line}`);
  const stop = logMesh(mesh, { info: to('info'), warn: to('warn'), error: to('error') }, options);
  const logged = (ms = 1_000): string[] => {
    clock.advance(ms);
    return lines.splice(0);
  };
  return { clock, mesh, logged, stop, lines };
}

class FailingResolver implements Resolver {
  readonly name = 'failing';
  readonly sinks: ResolverSink[] = [];

  watch(_query: unknown, sink: ResolverSink): void {
    this.sinks.push(sink);
  }
}

describe('the log of a mesh', () => {
  it('has one line for one cause, whomever it concerns, and not again within a minute', () => {
    const resolver = new FailingResolver();
    const { mesh, logged } = setUp(resolver);
    for (let i = 0; i < 50; i++) mesh.service(`s${10 + i}`);
    const fail = (): void => {
      for (const sink of resolver.sinks) sink.error(new Error('connect ECONNREFUSED 127.0.0.1:8500'));
    };
    fail();
    expect(logged()).toEqual([
      'warn fairlead: discovery fails: connect ECONNREFUSED 127.0.0.1:8500 (s10, s11, s12, s13, s14 and 45 more)',
    ]);
    for (let i = 0; i < 6; i++) {
      fail();
      expect(logged(10_000)).toEqual([]);
    }
    fail();
    expect(logged(10_000)).toHaveLength(1);
  });

  it('warns again within the minute of what was over in between, so that no last line is wrong', () => {
    const resolver = new FailingResolver();
    const { mesh, logged } = setUp(resolver);
    mesh.service('users');
    const [sink] = resolver.sinks;
    const fails = 'warn fairlead: discovery fails: no (users)';
    sink!.error(new Error('no'));
    expect(logged()).toEqual([fails]);
    sink!.snapshot([], '1');
    expect(logged()).toContain('info fairlead: discovery works again (users)');
    sink!.error(new Error('no'));
    expect(logged()).toEqual([fails]);
    // Within one line's time too.
    sink!.snapshot([], '2');
    sink!.error(new Error('no'));
    sink!.snapshot([], '3');
    sink!.error(new Error('no'));
    expect(logged().at(-1)).toBe('warn fairlead: discovery fails: no (users, 2 times)');
    // Others that fail in between are no reason.
    sink!.error(new Error('another'));
    sink!.error(new Error('no'));
    expect(logged()).toEqual(['warn fairlead: discovery fails: another (users)']);
  });

  it('says when discovery works again, and when there is nothing to pick', () => {
    const resolver = new FailingResolver();
    const { mesh, logged } = setUp(resolver);
    mesh.service('users');
    resolver.sinks[0]!.error(new Error('no'));
    const spec = { id: 'a', host: '10.0.0.1', port: 1, weight: 1, priority: 0, zone: '', tags: [], meta: {} };
    resolver.sinks[0]!.snapshot([spec], '1');
    expect(logged()).toEqual([
      'warn fairlead: discovery fails: no (users)',
      'info fairlead: discovery works again (users)',
      'info fairlead: endpoints arrived (a of users)',
    ]);
    resolver.sinks[0]!.snapshot([], '2');
    expect(logged()).toEqual([
      'error fairlead: no endpoint may be picked (users)',
      'info fairlead: endpoints left (a of users)',
    ]);
    resolver.sinks[0]!.snapshot([spec], '3');
    expect(logged()).toContain('info fairlead: there are endpoints to pick again (users)');
  });

  it('says that discovery works again with the same list as before, as the events of the service do', () => {
    const resolver = new FailingResolver();
    const { mesh, logged } = setUp(resolver);
    const users = mesh.service('users');
    let recovered = 0;
    users.on('recovered', () => recovered++);
    const [sink] = resolver.sinks;
    const spec = { id: 'a', host: '10.0.0.1', port: 1, weight: 1, priority: 0, zone: '', tags: [], meta: {} };
    sink!.snapshot([spec], '1');
    sink!.error(new Error('no'));
    logged();
    for (let i = 0; i < 2; i++) sink!.snapshot([spec], '1');
    expect([logged(), recovered]).toEqual([['info fairlead: discovery works again (users)'], 1]);
  });

  it('says who is ejected and returns, what checks say, and what breakers do', () => {
    const { mesh, logged, clock } = setUp(staticResolver({ users: endpoints(3) }));
    const users = mesh.service('users', { resilience: { breakerPerEndpoint: { consecutiveFailures: 5 } } });
    logged();
    for (let i = 0; i < 5; i++) users.acquire({ prefer: 'e0' }).done(Outcome.Failure);
    users.reportCheck(users.endpoints[1]!, { by: {}, check: 'mysql', healthy: false, reason: new Error('read only') });
    const lines = logged().join('\n');
    expect(lines).toContain('warn fairlead: ejected by consecutive_failures for');
    expect(lines).toContain('(e0 of users)');
    expect(lines).toContain('warn fairlead: mysql fails: read only (e1 of users)');
    expect(lines).toContain('warn fairlead: circuit breaker: open (e0 of users)');
    users.reportRecovered(users.endpoints[0]!);
    expect(logged()).toContain('info fairlead: back in use after an ejection (e0 of users)');
    clock.advance(1);
  });

  it('has no control characters, no credentials, and no line without an end', () => {
    const resolver = new FailingResolver();
    const { mesh, logged } = setUp(resolver);
    mesh.service('users');
    const text = `\u001b[2Jmysql://root:hunter2@db/\nfairlead: all is well ${'x'.repeat(10_000)}`;
    resolver.sinks[0]!.error(new Error(text));
    const lines = logged();
    expect(lines).toHaveLength(1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
    expect(lines[0]).not.toMatch(/[\u0000-\u001f]|hunter2/);
    expect(lines[0]!.length).toBeLessThan(700);
  });

  it('goes on past a logger that throws, writes what is left when it is stopped, and arms nothing then', () => {
    const resolver = staticResolver({ users: [] });
    const { mesh, clock, stop, lines } = setUp(resolver);
    const stopOther = logMesh(mesh, {
      info: () => {
        throw new Error('disk full');
      },
      warn: () => {},
      error: () => {},
    });
    mesh.service('users');
    resolver.update('users', endpoints(1));
    stop();
    stopOther();
    expect(lines).toEqual(['info fairlead: endpoints arrived (e0 of users)']);
    expect(clock.pending).toBe(0);
    expect(() => logMesh(mesh, {} as never)).toThrow(/logMesh logger/);
    expect(() => logMesh(mesh, console, { gather: 1 } as never)).toThrow(/logMesh\.gather/);
  });
});
