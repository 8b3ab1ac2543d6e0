import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/**
 * The names of an interface's options, from its source: types leave nothing behind that a test
 * could ask at run time.
 */
function optionsOf(file: string, name: string): string[] {
  const body = read(`src/resilience/${file}.ts`).split(`export interface ${name} `)[1]!.split('\n}\n')[0]!;
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option]) => option!);
}

describe('docs/resilience.md', () => {
  const page = read('docs/resilience.md');

  it.each([
    ['', 'options', 'ResilienceOptions'],
    ['limits.', 'options', 'LimitOptions'],
    ['retry.', 'retry', 'RetryOverrides'],
    ['retry.budget.', 'retry-budget', 'RetryBudgetOptions'],
    ['hedge.', 'hedging', 'HedgeOptions'],
    ['hedge.', 'hedging', 'HedgeOverrides'],
    ['breaker.', 'circuit-breaker', 'CircuitBreakerOptions'],
    ['throttle.', 'client-throttle', 'ClientThrottleOptions'],
  ])("lists every option '%s…' of %s's %s", (prefix, file, name) => {
    const options = optionsOf(file, name).filter((option) => option !== 'limits');
    expect(options.length).toBeGreaterThan(0);
    for (const option of options) expect(page).toContain(`| \`${prefix}${option}\` |`);
  });

  it('names every default of the adaptive limit', () => {
    for (const option of optionsOf('gradient-limit', 'GradientLimitOptions')) expect(page).toContain(`\`${option}\``);
  });
});
