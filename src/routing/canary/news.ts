import type { Service } from '../../service/contract.js';
import { publishNews } from '../../telemetry/news.js';

/** What is needed of its status. */
interface Status {
  readonly state: string;
  readonly step: number;
  readonly share: number;
  readonly reason: string | undefined;
}

/** By event of a canary, what logs hear of it. */
interface CanaryNews {
  readonly changed: (status: Status) => void;
  readonly passed: (status: Status) => void;
  readonly rolledBack: (status: Status) => void;
  readonly stalled: (status: Status) => void;
}

/** What becomes of a canary, for logs. */
export function canaryNews(arm: string, service: Service): CanaryNews {
  const whom = `${arm} of ${service.name}`;
  const say = (level: 'info' | 'warn', text: string): void => publishNews(service, level, `canary ${text}`, whom);
  let said = '';
  return {
    changed: ({ state, step, share }) => {
      const text = state === 'running' ? `in step ${step + 1}, ${share} % of the calls` : state;
      // Its end has events of its own.
      if (text === said || (state !== 'running' && state !== 'paused')) return;
      said = text;
      say('info', text);
    },
    passed: ({ share }) => say('info', `passed, ${share} % of the calls`),
    rolledBack: ({ step, reason }) => say('warn', `rolled back in step ${step + 1}: ${reason}`),
    stalled: ({ step }) => say('warn', `waits for calls in step ${step + 1}`),
  };
}
