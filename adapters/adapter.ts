import type { EffectData, EffectName, EffectResult } from "../machines/effects.ts";

/** What an adapter may know of the effect it carries out. */
export interface Attempt {
  /** Stable over retries and restarts. */
  readonly effectId: string;
  /** When it was ordered, milliseconds since 1970. With the id it names the order among those of all daemons. */
  readonly orderedAt: number;
  /** 1 for the first. */
  readonly attempt: number;
  /** Aborts at the deadline, or when the daemon stops. */
  readonly signal: AbortSignal;
}

/**
 * Carries out one effect. Resolves with its result only when the result is a fact.
 * Fails with a Failure: a retryable one is tried again after a back-off, any other ends the effect as failed.
 * Carried out again after a crash with the same effect id: adopts what is there (E1).
 */
export type Adapter<Name extends EffectName> = (
  data: EffectData<Name>,
  attempt: Attempt,
) => Promise<EffectResult<Name>>;

/** What the actor system answers itself. */
type Inside = "auditActors" | "surveyDirectories";

/** One adapter per effect on the outside world. */
export type Adapters = { readonly [Name in Exclude<EffectName, Inside>]: Adapter<Name> };
/** One adapter per effect. */
export type AllAdapters = { readonly [Name in EffectName]: Adapter<Name> };
