/** What one turn found beyond its CPU time, by name with the unit in it: `{ p99Ms: 1.2 }`. */
export type Figures = Readonly<Record<string, number>>;

/** Something that is measured, alive in a process of its own. */
export interface Contender {
  /** Does so many operations; its process does nothing else meanwhile. */
  run(operations: number): Promise<Figures | undefined> | Figures | undefined;
  close?(): Promise<void> | void;
}

export interface Case<World> {
  readonly title: string;
  /** Operations in one turn of one contender. */
  readonly operations: number;
  /** The contender that the others are compared with. It runs twice: the second is the control. */
  readonly baseline: string;
  readonly contenders: Readonly<Record<string, (world: World) => Promise<Contender> | Contender>>;
  /**
   * What the ratios are of: `cpuUs` per operation (the default), or a figure that `run` returns.
   */
  readonly measure?: string;
  /** The highest ratio wanted, by contender. */
  readonly targets?: Readonly<Record<string, number>>;
  /** Turns that warm up and are not counted. Default 2. */
  readonly warmups?: number;
  /** At most so many rounds, for turns that take long. */
  readonly rounds?: number;
  /**
   * What a contender is written by hand for is in the bench's own frames: count these as its own,
   * beside the package's. Default false.
   */
  readonly ownWithBench?: boolean;
}

/** A bench: the servers it needs, and what runs against them. */
export interface Suite<World = undefined> {
  /** One line for `--list`. */
  readonly about: string;
  /** Rounds where the command says nothing: each contender has one turn in each. */
  readonly rounds: number;
  /**
   * Starts servers in the runner's own process or beside it, never in a contender's. What it
   * returns goes to the contenders as JSON.
   */
  start?(): Promise<{ readonly world: World; stop(): Promise<void> }>;
  readonly cases: readonly Case<World>[];
}
