// Answers
//
// What the pages read of the daemon's answers; the whole of each is in its OpenAPI document.

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** `GET /board`. */
export interface Line {
  readonly address: string;
  readonly kind: string;
  readonly id: string;
  readonly title: string;
  readonly status: string;
  readonly reason: string;
  readonly since: number;
  readonly next: { readonly name: string; readonly at: number } | null;
  readonly parent: string | null;
  readonly states: readonly string[];
  readonly seq: number;
  readonly updatedAt: number;
  readonly isDone: boolean;
  readonly isQuarantined: boolean;
  readonly facts: Readonly<Record<string, Json>>;
}

export interface BoardPage {
  readonly lines: readonly Line[];
  readonly next: string | null;
  readonly head: number;
  readonly at: number;
}
