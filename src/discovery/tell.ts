/**
 * Calls a sink. One that throws must not cost the others their news, nor stop the watch: it is a
 * process warning.
 */
export function tell(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    process.emitWarning(`A sink of a resolver threw: ${reason}`, {
      type: 'FairleadWarning',
      code: 'FAIRLEAD_LISTENER',
    });
  }
}
