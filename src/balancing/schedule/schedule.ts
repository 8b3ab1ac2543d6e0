/** An endless sequence of indices in which each comes up in proportion to its weight. */
export interface Schedule {
  /** The next index. O(log n) at most; allocates nothing. */
  next(): number;
  /** How far through its cycle it is, 0 to 1, for the schedule that follows it. */
  readonly position: number;
  /** Goes on as this one does, by itself. */
  copy(): Schedule;
}
