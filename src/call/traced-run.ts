import type { Endpoint } from '../endpoint/endpoint.js';
import { forgetAbort, whenAborted } from '../runtime/abort-audience.js';
import { classifyError, type OutcomeName, outcomeName } from '../runtime/outcome.js';
import { callAbout } from '../telemetry/call-about.js';
import { tracerOf } from '../telemetry/tracing.js';
import type { CallHost, Run } from './host.js';

/**
 * Where the service is traced, each attempt runs in the context of its span, which ends with it or
 * with its signal.
 */
export function tracedRun<T>(host: Pick<CallHost, 'name' | 'service'>, run: Run<T>): Run<T> {
  const tracer = tracerOf(host.service ?? host);
  if (tracer === undefined) return run;
  const call = tracer.call(callAbout('call', host.name));
  return (endpoint: Endpoint, signal: AbortSignal) => {
    const traced = call.attempt(endpoint);
    const end = (outcome: OutcomeName): void => {
      traced.end(outcome);
      forgetAbort(signal, gone);
    };
    const gone = (): void => traced.end('cancelled');
    if (!signal.aborted) whenAborted(signal, gone);
    try {
      const result = traced.run(() => run(endpoint, signal));
      if (!(result instanceof Promise)) {
        end('success');
        return result;
      }
      return result.then(
        (value) => {
          end('success');
          return value;
        },
        (thrown: unknown) => {
          end(nameOf(thrown));
          throw thrown;
        },
      );
    } catch (thrown) {
      end(nameOf(thrown));
      throw thrown;
    }
  };
}

function nameOf(thrown: unknown): OutcomeName {
  return outcomeName(classifyError(thrown));
}
