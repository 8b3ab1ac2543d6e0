import type { Exemplar, Family, Label } from './family.js';

export type Format = 'openmetrics' | 'text';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  text: 'text/plain; version=0.0.4; charset=utf-8',
};

/**
 * Families in one of the two formats that Prometheus scrapes. They differ in the name that TYPE and
 * HELP give a counter (with `_total` in the older one), and the older knows no UNIT, exemplars and
 * end.
 */
export function render(families: readonly Family[], format: Format): string {
  const open = format === 'openmetrics';
  let text = '';
  for (const { name, type, help, unit, samples } of families) {
    const title = type === 'counter' && !open ? `${name}_total` : name;
    text += `# HELP ${title} ${escapeHelp(help)}\n# TYPE ${title} ${type}\n`;
    if (open && unit !== undefined) text += `# UNIT ${title} ${unit}\n`;
    for (const { suffix, labels, value, exemplar } of samples) {
      text += `${name}${suffix}${renderLabels(labels)} ${renderNumber(value)}`;
      if (open && exemplar !== undefined) text += renderExemplar(exemplar);
      text += '\n';
    }
  }
  return open ? `${text}# EOF\n` : text;
}

function renderLabels(labels: readonly Label[]): string {
  if (labels.length === 0) return '';
  let text = '{';
  for (const [name, value] of labels) text += `${text === '{' ? '' : ','}${name}="${escapeValue(value)}"`;
  return `${text}}`;
}

function renderExemplar({ labels, value, atS }: Exemplar): string {
  return ` # ${renderLabels(labels) || '{}'} ${renderNumber(value)} ${atS.toFixed(3)}`;
}

export function renderNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

/** Names from a registry may hold anything. Most need nothing done. */
function escapeValue(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

function escapeHelp(help: string): string {
  return help.replace(/[\\\n]/g, (char) => (char === '\n' ? '\\n' : '\\\\'));
}
