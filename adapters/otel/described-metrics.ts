import type { Attributes } from '@opentelemetry/api';
import { describedFigures, type FigureLabels, type MeshSnapshot } from '../../src/monitor/index.js';
import { gauge, type Metric, type Span, sum } from './metric-data.js';

/** What is described once for all exporters, in the words of OpenTelemetry. */
export function describedMetrics(snapshot: MeshSnapshot, span: Span): Metric[] {
  return describedFigures(snapshot).map(({ name, kind, unit, help, series }) => {
    const make = kind === 'counter' ? sum : gauge;
    const values = series.map(([labels, value]) => [attributesOf(labels), value] as const);
    return make({ name: `fairlead.${name}`, description: help, unit }, span, values);
  });
}

const attributesOf = (labels: FigureLabels): Attributes =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [`fairlead.${name}`, value]));
