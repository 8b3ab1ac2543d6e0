import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMesh, staticResolver } from 'fairlead';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChromium, until } from '../harness/index.js';
import { startAdmin, TOKEN } from './support.js';
import { World } from './world.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const IMAGES = join(import.meta.dirname, '../../docs/img');
/** Screenshots are kept where they are asked for: no two runs draw the same. */
const KEEP = process.env.FAIRLEAD_SCREENSHOTS === '1';
const SIZES = { wide: [1440, 1000], tablet: [820, 1100], phone: [390, 844] } as const;

let browser: Browser;
let world: World;

beforeAll(async () => {
  [browser, world] = await Promise.all([startChromium(), World.start()]);
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await browser?.close();
});

interface Open extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained of: errors, and what the policy kept from running. */
  readonly complaints: readonly string[];
}

async function open(
  url: string,
  options: { readonly size?: keyof typeof SIZES; readonly theme?: 'light' | 'dark' } = {},
): Promise<Open> {
  const { size = 'wide', theme = 'light' } = options;
  const [width, height] = SIZES[size];
  const context: BrowserContext = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    deviceScaleFactor: size === 'phone' ? 2 : 1,
    bypassCSP: false,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(url);
  await page.locator('.live.live').waitFor();
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** Rules of WCAG 2.2 A and AA that the page breaks, by its own account of the standard. */
async function violations(page: Page): Promise<string[]> {
  // By the debugger, which no policy of the page concerns.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    type Axe = {
      run(): Promise<{ violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[] }>;
    };
    const { violations: found } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return found.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} ${target} ${failureSummary}`),
    );
  });
}

const rows = (page: Page) => page.locator('.rows .row:not([hidden])');
const names = (page: Page): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll('.rows .row:not([hidden])')]
    .sort((a, b) => Number(a.getAttribute('aria-rowindex')) - Number(b.getAttribute('aria-rowindex')))
    .map((row) => row.dataset.key)`);
const focusedKey = (page: Page): Promise<string> => page.evaluate('document.activeElement.dataset.key');
const overflow = (page: Page): Promise<number> => page.evaluate('document.documentElement.scrollWidth - innerWidth');

describe('the page over a real run', () => {
  it('shows services, endpoints with their state and why, and figures that move', async () => {
    await using opened = await open(`${world.url}#/services?service=users`);
    const { page, complaints } = opened;
    await page.locator('.row[data-key="users-7f9c-g"] .state.ejected').waitFor({ timeout: 30_000 });
    const ejected = page.locator('.row[data-key="users-7f9c-g"]');
    expect(await ejected.locator('.reason').textContent()).toContain('consecutive_failures');
    expect(await page.locator('nav.services a').count()).toBe(5);
    await until('a rate is shown', async () => (await page.locator('.tile b').first().textContent()) !== '0');
    expect(await page.locator('.plot canvas').count()).toBe(4);
    expect(await page.locator('.plot').nth(1).getAttribute('aria-label')).toMatch(/^Latency, now: p50 .* p99/);
    expect(await page.locator('.panel', { hasText: 'Canary' }).textContent()).toMatch(/running.*errors.*latency/);
    expect(complaints).toEqual([]);
  });

  it('says why an endpoint would be chosen', async () => {
    await using opened = await open(`${world.url}#/services?service=orders`);
    const { page, complaints } = opened;
    await page.getByLabel('Key').fill('user-42');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.locator('.answer tr.chosen').waitFor();
    expect(await page.locator('.answer').textContent()).toMatch(/orders-\d by peak_ewma/);
    expect(await page.locator('.answer tbody tr').count()).toBe(5);
    expect(complaints).toEqual([]);
  });

  it('shows shards with their states, versions with what they changed, and events', async () => {
    await using opened = await open(`${world.url}#/topology`);
    const { page, complaints } = opened;
    const cache = page.locator('.panel', { hasText: 'redis cache' });
    expect(await cache.locator('tbody tr').count()).toBe(2);
    expect(await cache.textContent()).toMatch(/cache-1127\.0\.0\.1:\d+/);
    await page.getByRole('link', { name: 'Configuration' }).click();
    await page.getByRole('button', { name: 'changes' }).first().click();
    await page.locator('.diff ins', { hasText: '800' }).waitFor();
    expect(await page.locator('.diff').first().textContent()).toContain('services.users.policy');
    await page.getByRole('link', { name: 'Events' }).click();
    await page.locator('.events li', { hasText: 'ejected by consecutive_failures' }).first().waitFor();
    expect(complaints).toEqual([]);
  });

  it('drains with the token, says so, and takes it back', async () => {
    await using opened = await open(`${world.url}#/services?service=orders`);
    const { page, complaints } = opened;
    const stateOf = (): string => world.mesh.service('orders').endpoints[0]!.state;
    await page.locator('.row[data-key="orders-1"]').click();
    await page.getByLabel('Reason').fill('new disk');
    await page.getByLabel('By', { exact: true }).fill('mara');
    await page.getByRole('button', { name: 'Drain' }).click();
    expect(stateOf()).toBe('ready');
    await page.locator('dialog.token input').fill(TOKEN);
    await page.getByRole('button', { name: 'Use' }).click();
    await page.locator('.row[data-key="orders-1"] .state.drained').waitFor();
    expect(stateOf()).toBe('unhealthy');
    expect(await page.locator('.row[data-key="orders-1"] .reason').textContent()).toMatch(
      /drained by hand · mara: new disk · \d+ min left/,
    );
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.locator('.row[data-key="orders-1"] .state.ready').waitFor();
    expect(page.url()).not.toContain(TOKEN);
    expect(complaints).toEqual([]);
  });

  it('asks for the token again where it was another, and stays live', async () => {
    await using opened = await open(`${world.url}#/services?service=orders`);
    const { page } = opened;
    const input = page.locator('dialog.token input');
    await page.locator('.row[data-key="orders-2"]').click();
    await page.getByRole('button', { name: 'Drain' }).click();
    await page.evaluate(`globalThis.said = new Set(); new MutationObserver(() =>
      said.add(document.querySelector('.live').textContent)).observe(document.querySelector('.live'),
      { childList: true, characterData: true, subtree: true })`);
    await input.fill('a-token-of-somebody-else');
    await page.getByRole('button', { name: 'Use' }).click();
    await page.locator('.toast.failed', { hasText: 'This is not the token.' }).waitFor();
    await page.locator('dialog.token[open]').waitFor();
    expect(await input.inputValue()).toBe('');
    await input.fill(TOKEN);
    await page.getByRole('button', { name: 'Use' }).click();
    await page.locator('.row[data-key="orders-2"] .state.drained').waitFor();
    expect(await page.evaluate('[...said].filter((text) => text.startsWith("no answer"))')).toEqual([]);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.locator('.row[data-key="orders-2"] .state.ready').waitFor();
  });

  it('draws nothing before the label of a field', async () => {
    await using opened = await open(`${world.url}#/services?service=orders`);
    const drawn = await opened.page.evaluate(
      `[...document.querySelectorAll('label')].filter((each) => getComputedStyle(each, '::before').content !== 'none')
        .map((each) => each.textContent)`,
    );
    expect(drawn).toEqual([]);
  });

  it('says where a statement, a key and a request would go', async () => {
    await using opened = await open(`${world.url}#/services?service=sql`);
    const { page, complaints } = opened;
    const answer = page.locator('.answer');
    const of = page.locator('select[name="subject"]');
    await of.selectOption('mysql sql');
    await page.getByLabel('Statement').fill('SELECT name FROM people');
    await page.getByRole('button', { name: 'Explain' }).click();
    await answer.locator('tr.chosen', { hasText: 'db1' }).waitFor();
    expect(await answer.textContent()).toMatch(/target ?replica.*server ?db1/);
    await page.getByLabel('Statement').fill('UPDATE people SET name = 1');
    await page.getByRole('button', { name: 'Explain' }).click();
    await answer.locator('tr.chosen', { hasText: 'db0' }).waitFor();
    await page.goto(`${world.url}#/services?service=cache`);
    await of.selectOption('redis cache');
    await page.getByLabel('Key').fill('session:7');
    await page.getByRole('button', { name: 'Explain' }).click();
    await answer
      .locator('dd', { hasText: /^cache-[12]$/ })
      .first()
      .waitFor();
    await page.goto(`${world.url}#/services?service=users`);
    await of.selectOption('gateway gateway');
    await page.getByLabel('Path').fill('/users/7');
    await page.getByLabel('Headers').fill('x-user: ada\nversion: 2');
    await page.getByRole('button', { name: 'Explain' }).click();
    await answer.locator('tr.chosen').waitFor();
    expect(await answer.textContent()).toMatch(/route ?users.*action ?forward/);
    expect(complaints).toEqual([]);
  });

  it('shows roles, lag and positions of MySQL servers', async () => {
    await using opened = await open(`${world.url}#/topology`);
    const { page, complaints } = opened;
    const servers = page.getByRole('region', { name: 'Servers of sql' });
    await servers.locator('tr', { hasText: 'db0' }).filter({ hasText: 'primary' }).waitFor();
    const replica = servers.locator('tr', { hasText: 'db1' }).filter({ hasText: 'replica' });
    expect(await replica.textContent()).toMatch(/ready|up/);
    expect(complaints).toEqual([]);
  });

  it('silences an alert with the token, says until when, and takes it back', async () => {
    await using opened = await open(`${world.url}#/events`);
    const { page, complaints } = opened;
    world.loseAll('spare');
    const alert = page.locator('.alerts li', { hasText: 'spare has no usable endpoint' });
    await alert.getByRole('button', { name: 'Silence' }).click();
    await page.locator('dialog.silence[open]').waitFor();
    await page.getByLabel('For').selectOption('60');
    await page.getByLabel('By', { exact: true }).fill('mara');
    await page.locator('dialog.silence').getByRole('button', { name: 'Silence' }).click();
    await page.locator('dialog.token input').fill(TOKEN);
    await page.getByRole('button', { name: 'Use' }).click();
    await page.locator('.silences li', { hasText: 'no_endpoint · mara' }).waitFor();
    await alert.getByText('(silenced)').waitFor();
    expect(world.monitor.silences).toMatchObject([{ rule: 'no_endpoint', subject: 'spare', by: 'mara' }]);
    await page.getByRole('button', { name: 'Undo' }).click();
    await until('it is not silenced', () => world.monitor.silences.length === 0);
    await alert.getByRole('button', { name: 'Silence' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('has each colour for light and dark, by the system or by choice', async () => {
    const colours: Record<string, string> = {};
    for (const theme of ['light', 'dark'] as const) {
      await using opened = await open(world.url, { theme });
      const { page } = opened;
      const colour = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
      colours[`system ${theme}`] = await colour();
      for (const choice of ['light', 'dark']) {
        await page.locator('button.theme').click();
        expect(await page.locator('button.theme').textContent()).toBe(`Theme: ${choice}`);
        colours[`${choice} in ${theme}`] = await colour();
      }
    }
    const [light, dark] = [colours['system light'], colours['system dark']];
    expect(light).not.toBe(dark);
    expect(colours).toEqual({
      'system light': light,
      'light in light': light,
      'dark in light': dark,
      'system dark': dark,
      'light in dark': light,
      'dark in dark': dark,
    });
  });

  it('costs nothing when it is closed', async () => {
    {
      await using opened = await open(world.url);
      expect(opened.complaints).toEqual([]);
      expect(world.admin.followers).toBe(1);
    }
    await until('nobody follows', () => world.admin.followers === 0);
  });
});

describe('anybody can use it', () => {
  const places = ['services?service=users', 'topology', 'configuration', 'events'];

  it.each(['light', 'dark'] as const)('no rule of accessibility is broken in any view, %s', async (theme) => {
    await using opened = await open(world.url, { theme });
    const { page } = opened;
    for (const to of places) {
      await page.evaluate(`location.hash = '#/${to}'`);
      await sleep(300);
      expect(await violations(page), to).toEqual([]);
    }
    await page.goto(`${world.url}#/services?service=orders`);
    await page.locator('.row[data-key="orders-2"]').click();
    await page.locator('dialog.endpoint[open]').waitFor();
    expect(await violations(page), 'an endpoint').toEqual([]);
  });

  it('a keyboard is enough: order, rows, details, and back', async () => {
    await using opened = await open(`${world.url}#/services?service=users`);
    const { page } = opened;
    await page.getByRole('button', { name: 'p99' }).focus();
    await page.keyboard.press('Enter');
    expect(page.url()).toContain('sort=p99&order=desc');
    expect(await page.locator('[aria-sort="descending"]').textContent()).toContain('p99');
    await rows(page).locator('xpath=self::*[@tabindex="0"]').first().focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    const key = await focusedKey(page);
    await page.keyboard.press('Enter');
    await page.locator('dialog.endpoint[open]').waitFor();
    expect(await page.locator('dialog.endpoint h2').textContent()).toBe(key);
    await page.keyboard.press('Escape');
    await page.locator('dialog.endpoint:not([open])').waitFor({ state: 'attached' });
  });
});

describe('pictures', () => {
  const shots = Object.keys(SIZES).flatMap((size) =>
    (['light', 'dark'] as const).map((theme) => [size as keyof typeof SIZES, theme] as const),
  );

  it.each(shots)(
    'are as wide as the screen: %s, %s',
    async (size, theme) => {
      await using opened = await open(`${world.url}#/services?service=users`, { size, theme });
      const { page, complaints } = opened;
      await sleep(KEEP ? 25_000 : 300);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
      if (KEEP) {
        mkdirSync(IMAGES, { recursive: true });
        await page.screenshot({ path: join(IMAGES, `admin-${size}-${theme}.png`) });
      }
      expect(complaints).toEqual([]);
    },
    90_000,
  );
});

describe('names that discovery says', () => {
  it('are shown as text, whatever they are', async () => {
    const hostile = [
      '<img src=x onerror="window.pwned=1">',
      '<script>window.pwned=1</script>',
      '"><svg onload=window.pwned=1>',
      'javascript:window.pwned=1',
      '__proto__',
      '\u202egnp.exe',
      '\u001b[31mred\u001b]0;title\u0007',
      'x'.repeat(10_000),
    ];
    const list = hostile.map((id, i) => ({
      id,
      host: '10.0.0.1',
      port: i + 1,
      zone: id,
      tags: [id],
      meta: { [id]: id },
    }));
    const mesh = createMesh({
      resolver: staticResolver(
        Object.fromEntries([
          ['users', list],
          [hostile[0], list],
        ]),
      ),
    });
    for (const name of ['users', hostile[0]!]) mesh.service(name);
    const { admin, port } = await startAdmin(mesh);
    try {
      await using opened = await open(`http://127.0.0.1:${port}/#/services?service=users`);
      const { page, complaints } = opened;
      expect(await rows(page).count()).toBe(hostile.length);
      const text = (await page.locator('.rows').textContent())!;
      expect(text).toContain('<img src=x onerror="window.pwned=1">');
      expect(text).toContain('⟨202E⟩gnp.exe');
      expect(text).toContain('⟨001B⟩[31mred');
      for (const mark of ['\u001b', '\u202e']) expect(text).not.toContain(mark);
      await rows(page).first().click();
      await page.locator('dialog.endpoint[open]').waitFor();
      await page.keyboard.press('Escape');
      await page.goto(`http://127.0.0.1:${port}/#/events`);
      expect(await page.evaluate('typeof window.pwned')).toBe('undefined');
      expect(await page.locator('img, svg, script:not(body > script)').count()).toBe(0);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
      expect(complaints).toEqual([]);
    } finally {
      await admin.close();
      await mesh.close();
    }
  });
});

describe('a thousand endpoints', () => {
  it('are a few rows at a time, found by the filter in the address, and ordered by any column', async () => {
    const list = Array.from({ length: 1_000 }, (_, i) => ({
      id: `e${String(i).padStart(4, '0')}`,
      host: '10.0.0.1',
      port: i + 1,
      weight: 1 + (i % 7),
      zone: `z${i % 10}`,
    }));
    const mesh = createMesh({ resolver: staticResolver({ users: list }) });
    mesh.service('users');
    const { admin, port } = await startAdmin(mesh);
    try {
      await using opened = await open(`http://127.0.0.1:${port}/`);
      const { page, complaints } = opened;
      expect(await page.locator('[role="grid"]').getAttribute('aria-rowcount')).toBe('1001');
      expect(await rows(page).count()).toBeLessThan(60);
      await page.locator('.scroller').evaluate((scroller) => {
        scroller.scrollTop = scroller.scrollHeight;
      });
      await page.locator('.row[data-key="e0999"]').waitFor();
      await rows(page).last().focus();
      await page.keyboard.press('Home');
      await until('the first has the focus', async () => (await focusedKey(page)) === 'e0000');
      await page.goto(`http://127.0.0.1:${port}/#/services?service=users&filter=zone%3Az3&sort=weight&order=desc`);
      await until(
        'the filter holds',
        async () => (await page.locator('[role="grid"]').getAttribute('aria-rowcount')) === '101',
      );
      expect(await page.getByLabel('Filter endpoints').inputValue()).toBe('zone:z3');
      expect((await names(page)).slice(0, 3)).toEqual(['e0013', 'e0083', 'e0153']);
      for (const column of await page.locator('.head [data-column]').all()) {
        const id = (await column.getAttribute('data-column'))!;
        await column.getByRole('button').click();
        if (id !== 'endpoint') expect(page.url()).toContain(`sort=${id}`);
        expect(['ascending', 'descending']).toContain(await column.getAttribute('aria-sort'));
        expect((await names(page)).length).toBeGreaterThan(10);
      }
      await page.getByLabel('Filter endpoints').fill('e0042');
      await until('one is left', async () => (await names(page)).join() === 'e0042');
      expect(page.url()).toContain('filter=e0042');
      expect(complaints).toEqual([]);
    } finally {
      await admin.close();
      await mesh.close();
    }
  });
});
