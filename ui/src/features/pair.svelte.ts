// The two sides of a migration, and what is moved between them. One pair serves both kinds of cargo, so that
// whoever has moved the one goes on with the other.
import type { Side } from "../ipc";
import { sameSide } from "./app.svelte";

/** What a project is made of, or the records of its devices. */
export type Cargo = "resources" | "records";

export class Pair {
  source = $state.raw<Side | null>(null);
  target = $state.raw<Side | null>(null);
  cargo = $state<Cargo>("records");

  constructor(source: Side | null, target: Side | null, cargo: Cargo = "records") {
    this.source = source;
    this.target = target;
    this.cargo = cargo;
  }

  readonly same = $derived(sameSide(this.source, this.target));

  /** Whether these are the sides now: they may be changed while somebody reads them. */
  isStill([source, target]: [Side, Side]): boolean {
    return sameSide(this.source, source) && sameSide(this.target, target);
  }

  /** Both sides, once they are two different projects. */
  get sides(): [Side, Side] | null {
    return this.source && this.target && !this.same ? [this.source, this.target] : null;
  }
}
