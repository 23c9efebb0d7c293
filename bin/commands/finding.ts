/** One thing that the doctor looked at. */
export interface Finding {
  readonly name: string;
  readonly isFine: boolean;
  readonly found: string;
  /** The command that mends it. */
  readonly mend?: string;
}
