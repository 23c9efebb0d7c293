import type { Boundary } from "../../actors/host.ts";
import type { EffectName } from "../../machines/effects.ts";

/** Where a daemon shall end itself with SIGKILL. */
export type Doom =
  /** At a boundary of the message path: the first, after so many, and after an effect was done if one is named. */
  | { readonly at: Boundary; readonly skip?: number; readonly after?: EffectName }
  /** So long after an effect was begun, which is not answered before. */
  | { readonly at: "during"; readonly effect: EffectName; readonly afterMs: number }
  /** When an effect was done in the outside world, and nobody knows yet. */
  | { readonly at: "result"; readonly effect: EffectName };
