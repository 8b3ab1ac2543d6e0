type Caused = Error & { readonly code?: string };

/** The package that something failed for, at any depth of causes; undefined where it is none. */
export function missingPackage(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const { code, message } = error as Caused;
    const name = /Cannot find (?:package|module) '((?:@[^/']+\/)?[^/'.][^/']*)/.exec(message)?.[1];
    if (name !== undefined && /MODULE_NOT_FOUND$/.test(code ?? '')) return name;
  }
  return undefined;
}
