import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh } from 'fairlead';
import { createConfigStore, fileSource } from 'fairlead/config';
import { fileResolver } from 'fairlead/sources';
import { ManualClock } from 'fairlead/testing';
import { expect, it, onTestFinished } from 'vitest';

const POLL_MS = 100;

function world(name: string, text: string | Buffer) {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-half-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  const clock = new ManualClock();
  const write = (next: string | Buffer): void => writeFileSync(path, next);
  write(text);
  /** Lets so much time pass, and each look at the file come to its end. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      await clock.advanceAsync(50);
      for (let i = 0; i < 10; i++) await stat(path);
    }
  };
  return { path, clock, write, pass };
}

async function followed(name: string, text: string | Buffer) {
  const files = world(name, text);
  const mesh = createMesh({ clock: files.clock });
  onTestFinished(() => mesh.close());
  const source = fileSource({ pollMs: POLL_MS });
  const config = createConfigStore(mesh, { source, key: files.path, compare: false });
  const events: string[] = [];
  config.on('applied', ({ document }) => events.push(Object.keys(document.services ?? {}).join()));
  config.on('refused', ({ error }) => events.push(`${(error as { code?: string }).code} ${error.message}`));
  await files.pass(100);
  return { ...files, config, events };
}

const services = (...names: string[]): string => `services:\n${names.map((name) => `  ${name}: {}\n`).join('')}`;

it('a document in YAML that is half written takes no service away', async () => {
  const { write, pass, events } = await followed('mesh.yaml', services('users', 'orders'));
  const whole = services('users', 'orders', 'stock');
  for (const half of ['# fairlead\n', 'services:\n  users: {}\n', 'services:\n  users: {}\n  orde: {}\n']) {
    write(half);
    await pass(300);
  }
  write(whole);
  await pass(600);
  expect(events).toEqual(['users,orders', 'users,orders,stock']);
});

it('half a document that was half of one before is waited for anew', async () => {
  const { write, pass, events } = await followed('mesh.yaml', services('users', 'orders'));
  for (let i = 0; i < 3; i++) {
    write(services('users'));
    await pass(300);
    write(services('users', 'orders'));
    await pass(300);
  }
  expect(events).toEqual(['users,orders']);
});

it('a document in JSON is in force without that wait', async () => {
  const { write, pass, events } = await followed('mesh.json', '{"services":{"users":{}}}');
  write('{"services":{"users":{},"orders":{}}}');
  await pass(200);
  expect(events).toEqual(['users', 'users,orders']);
});

it('a document without anything in it is refused, from its source and by hand', async () => {
  const { config, write, pass, events } = await followed('mesh.yaml', services('users'));
  write('# all of it was commented out\n');
  await pass(700);
  const empty = 'The document is empty: one that says nothing is written {}.';
  expect(events.slice(1)).toEqual([expect.stringContaining(empty)]);
  for (const none of ['', ' \n', 'null', '---\n', null as never]) {
    await expect(config.apply(none)).rejects.toThrow(empty);
  }
  expect(config.current!.number).toBe(1);
  await config.apply('{}');
  expect(config.current!.number).toBe(2);
});

it('a file that cannot be read is an error of ours, which names it', async () => {
  const { path, pass, events, clock } = await followed('mesh.yaml', services('users'));
  rmSync(path);
  await clock.advanceAsync(1_000);
  await expect.poll(() => clock.advanceAsync(POLL_MS).then(() => events.length)).toBe(2);
  expect(events[1]).toMatch(/^FAIRLEAD_DISCOVERY .*mesh\.yaml: ENOENT/);
  writeFileSync(path, services('users', 'stock'));
  await pass(800);
  expect(events[2]).toBe('users,stock');
});

it('a file that is not UTF-8 is refused; a byte order mark is not part of what it says', async () => {
  const { write, pass, events } = await followed('mesh.json', '\uFEFF{"services":{"users":{}}}');
  write(Buffer.from('{"services":{"caf\xe9":{}}}', 'latin1'));
  await pass(700);
  expect([...new Set(events)]).toEqual([
    'users',
    expect.stringMatching(/^FAIRLEAD_DISCOVERY .*mesh\.json: it is not UTF-8$/),
  ]);
});

it('an endpoint of a YAML file that is cut off within its port is not called', async () => {
  const list = (ports: readonly number[]): string =>
    `users:\n${ports.map((port) => `  - 127.0.0.1:${port}\n`).join('')}`;
  const { path, clock, write, pass } = world('services.yaml', list([5_001, 5_002, 5_003]));
  const mesh = createMesh({ clock, resolver: fileResolver({ path, pollMs: POLL_MS }) });
  onTestFinished(() => mesh.close());
  const users = mesh.service('users');
  const seen = new Set<number>();
  users.on('endpoints', ({ arrived }) => {
    for (const { spec } of arrived) seen.add(spec.port);
  });
  await pass(100);
  const whole = list([5_001, 5_002, 5_004]);
  write(whole.slice(0, -3));
  await pass(300);
  write(whole);
  await pass(600);
  expect([...seen]).toEqual([5_001, 5_002, 5_003, 5_004]);
});

it('a services file in which a name stands twice is refused', async () => {
  const text = '{"users":["127.0.0.1:5001"],"users":["127.0.0.1:5002"]}';
  const { path, clock, pass } = world('services.json', text);
  const mesh = createMesh({ clock, resolver: fileResolver({ path, pollMs: POLL_MS }) });
  onTestFinished(() => mesh.close());
  const users = mesh.service('users');
  await pass(600);
  expect(users.discovery.error?.message).toMatch(/a name stands twice in one object: see line 1, column 29/);
});
