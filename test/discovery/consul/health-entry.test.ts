import { describe, expect, it } from 'vitest';
import { readEntry } from '../../../src/discovery/consul/health-entry.js';
import { InstanceTable } from '../../../src/discovery/consul/instance-table.js';

const OPTIONS = { passingOnly: false, zoneKey: 'zone', addressTag: undefined };

interface Shape {
  readonly node?: Record<string, unknown>;
  readonly service?: Record<string, unknown>;
  readonly checks?: readonly string[];
  /** In place of the list of checks. */
  readonly raw?: unknown;
}

const entry = ({ node, service, checks = ['passing'], raw }: Shape = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      Node: { Node: 'n1', Address: '10.1.0.1', Meta: { rack: '7' }, ...node },
      Service: { ID: 'a', Address: '10.0.0.1', Port: 80, Tags: ['x'], Meta: { v: '2' }, ...service },
      Checks: raw ?? checks.map((Status) => ({ Status })),
    }),
  );

describe('an entry of the health endpoint', () => {
  it('gives id, address, tags and metadata of the service', () => {
    expect(readEntry(entry(), OPTIONS).spec).toEqual({
      id: 'a',
      host: '10.0.0.1',
      port: 80,
      weight: 1,
      priority: 0,
      zone: '',
      tags: ['x'],
      meta: { v: '2' },
    });
  });

  it.each([
    ['all pass', ['passing', 'passing'], 7],
    ['one warns', ['passing', 'warning'], 3],
    ['there are none', [], 7],
  ])('has the weight for its state where %s', (_what, checks, weight) => {
    const read = readEntry(entry({ service: { Weights: { Passing: 7, Warning: 3 } }, checks }), OPTIONS);
    expect(read.spec.weight).toBe(weight);
    expect(read.spec.registeredWeight ?? weight).toBe(7);
    expect(read.spec.healthy).toBeUndefined();
  });

  it.each([
    ['a check is critical', { checks: ['passing', 'critical'] }, OPTIONS],
    ['a check is in a state we do not know', { checks: ['maintenance'] }, OPTIONS],
    ['it warns with weight 0', { checks: ['warning'], service: { Weights: { Passing: 1, Warning: 0 } } }, OPTIONS],
    ['it warns and only passing ones are wanted', { checks: ['warning'] }, { ...OPTIONS, passingOnly: true }],
    ['its checks are no list', { raw: 5 }, OPTIONS],
  ])('is listed, and may not serve, where %s', (_what, shape, options) => {
    expect(readEntry(entry(shape), options).spec).toMatchObject({ id: 'a', weight: 1, healthy: false });
  });

  it('keeps the weight it is registered with while it may not serve', () => {
    const service = { Weights: { Passing: 7, Warning: 3 } };
    for (const checks of [['critical'], ['critical', 'warning']]) {
      const { spec } = readEntry(entry({ service, checks }), OPTIONS);
      expect(spec.registeredWeight ?? spec.weight).toBe(7);
    }
  });

  it('falls back to the address of its node', () => {
    expect(readEntry(entry({ service: { Address: '' } }), OPTIONS).spec.host).toBe('10.1.0.1');
  });

  it('takes IPv6 with and without brackets', () => {
    expect(readEntry(entry({ service: { Address: '[fd00::1]' } }), OPTIONS).spec.host).toBe('fd00::1');
    expect(readEntry(entry({ service: { Address: 'fd00::2' } }), OPTIONS).spec.host).toBe('fd00::2');
  });

  it('takes the tagged address that is asked for, with its port, or that of the node', () => {
    const wan = { ...OPTIONS, addressTag: 'wan' };
    const own = { TaggedAddresses: { wan: { Address: '198.51.100.1', Port: 8080 } } };
    expect(readEntry(entry({ service: own }), wan).spec).toMatchObject({ host: '198.51.100.1', port: 8080 });
    const nodes = entry({ service: { Address: '' }, node: { TaggedAddresses: { wan: '198.51.100.2' } } });
    expect(readEntry(nodes, wan).spec).toMatchObject({ host: '198.51.100.2', port: 80 });
    expect(readEntry(entry(), wan).spec.host).toBe('10.0.0.1');
  });

  it.each<[string, Shape, string]>([
    ['service metadata', { service: { Meta: { zone: 's' } }, node: { Meta: { zone: 'n' } } }, 's'],
    ['node metadata', { node: { Meta: { zone: 'n' } } }, 'n'],
    [
      'the locality of the service',
      { service: { Locality: { Zone: 'ls' } }, node: { Locality: { Zone: 'ln' } } },
      'ls',
    ],
    ['the locality of the node', { node: { Locality: { Region: 'r', Zone: 'ln' } } }, 'ln'],
  ])('takes its zone from %s', (_what, shape, zone) => {
    expect(readEntry(entry(shape), OPTIONS).spec.zone).toBe(zone);
  });

  it('stands null lists and metadata that are no texts', () => {
    const spec = readEntry(
      entry({ service: { Tags: null, Meta: { a: 1, b: 'c' } }, node: { Meta: null } }),
      OPTIONS,
    ).spec;
    expect(spec).toMatchObject({ tags: [], meta: { b: 'c' } });
  });
});

describe('the table of instances', () => {
  const list = (table: InstanceTable, ...entries: Buffer[]) => {
    const update = table.begin();
    for (const each of entries) update.add(each);
    return table.commit(update);
  };

  it('keeps the object of a spec that says the same, also where other fields of its entry changed', () => {
    const table = new InstanceTable(OPTIONS, Number.POSITIVE_INFINITY);
    const [first] = list(table, entry());
    const [second] = list(table, entry({ service: { ModifyIndex: 9 } }));
    expect(second).toBe(first);
    expect(list(table, entry({ service: { Port: 81 } }))[0]).not.toBe(first);
  });

  it('tells instances of two nodes apart that have the same id', () => {
    const table = new InstanceTable(OPTIONS, Number.POSITIVE_INFINITY);
    const ids = list(table, entry(), entry({ node: { Node: 'n2' } }), entry({ service: { ID: 'b' } })).map((s) => s.id);
    expect(ids).toEqual(['a@n1', 'a@n2', 'b']);
  });

  it('is not changed by an answer that broke off', () => {
    const table = new InstanceTable(OPTIONS, Number.POSITIVE_INFINITY);
    const [first] = list(table, entry());
    table.begin().add(entry({ service: { Port: 81 } }));
    expect(list(table, entry())[0]).toBe(first);
  });
});
