import 'fairlead';

declare module 'fairlead' {
  /** Policies that tests define. */
  interface PolicyOptions {
    first: Record<string, never>;
    by_key: Record<string, never>;
  }
}
