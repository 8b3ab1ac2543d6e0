import {
  type DescribedFigure,
  describedFigures,
  type FigureLabels,
  type MeshSnapshot,
} from '../../src/monitor/index.js';
import type { Family, Label } from './family.js';

/** What is described once for all exporters, in the words of Prometheus. */
export function describedFamilies(snapshot: MeshSnapshot): Family[] {
  return describedFigures(snapshot).map(familyOf);
}

function familyOf({ name, kind, unit, help, series }: DescribedFigure): Family {
  const seconds = unit === 's';
  return {
    name: `fairlead_${name.replaceAll('.', '_')}${seconds ? '_seconds' : ''}`,
    type: kind,
    help: `${help}.`,
    ...(seconds && { unit: 'seconds' as const }),
    samples: series.map(([labels, value]) => ({
      suffix: kind === 'counter' ? '_total' : '',
      labels: labelsOf(labels),
      value,
    })),
  };
}

const labelsOf = (labels: FigureLabels): Label[] =>
  Object.entries(labels).map(([name, value]) => [name, String(value)] as const);
