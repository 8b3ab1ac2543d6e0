/** Runs `operations` of them, at most `concurrency` at a time: each that ends begins the next. */
export async function atOnce(
  operations: number,
  concurrency: number,
  operation: (index: number) => Promise<unknown>,
): Promise<void> {
  let begun = 0;
  const loop = async (): Promise<void> => {
    while (begun < operations) await operation(begun++);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, operations) }, loop));
}

/** Like `atOnce`, for operations with a callback: no promise of the bench's in between. */
export function atOnceWithCallbacks(
  operations: number,
  concurrency: number,
  operation: (index: number, done: (error?: unknown) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let begun = 0;
    let ended = 0;
    const next = (): void => {
      operation(begun++, (error) => {
        if (error) reject(error);
        else if (++ended === operations) resolve();
        else if (begun < operations) next();
      });
    };
    for (let i = 0; i < Math.min(concurrency, operations); i++) next();
  });
}
