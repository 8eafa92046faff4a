// The state of one move of resources up to its run: what both sides hold beside records, and the owner's choices.
import {
  asUiError,
  ipc,
  type ConflictChoice,
  type ResourceRehearsal,
  type ResourceRow,
  type ResourceWish,
  type Side,
  type UiError,
} from "../ipc";
import { sameSide } from "./app.svelte";

export type ResourceStep = "sides" | "choose" | "confirm";
export type KindGroup = { kind: string; rows: ResourceRow[] };

export class ResourceWizard {
  step = $state<ResourceStep>("sides");
  source = $state.raw<Side | null>(null);
  target = $state.raw<Side | null>(null);
  reading = $state(false);
  error = $state.raw<UiError | null>(null);
  /** All that the source holds, as it was first compared. */
  everything = $state.raw<ResourceRow[]>([]);
  /** The plan that can be run; only as long as nothing was chosen otherwise. */
  plan = $state.raw<ResourceRehearsal | null>(null);
  chosen = $state.raw<ReadonlySet<string>>(new Set());
  conflicts = $state.raw<ReadonlyMap<string, ConflictChoice>>(new Map());
  stale = $state(false);
  #asked = 0;

  constructor(source: Side | null, target: Side | null) {
    this.source = source;
    this.target = target;
  }

  readonly sameSides = $derived(sameSide(this.source, this.target));
  readonly choosable = $derived(this.everything.filter((row) => row.parent === null));
  readonly groups = $derived.by((): KindGroup[] => {
    const groups = new Map<string, ResourceRow[]>();
    const planned = new Map(this.plan?.items.map((row) => [row.id, row]));
    for (const row of this.everything) {
      groups.set(row.kind, [...(groups.get(row.kind) ?? []), planned.get(row.id) ?? row]);
    }
    return [...groups].map(([kind, rows]) => ({ kind, rows }));
  });
  readonly canConfirm = $derived(
    this.plan !== null && !this.stale && !this.plan.nothing_to_do && this.chosen.size > 0,
  );

  /** Everything chosen means "all", also what no list shows. */
  get wish(): ResourceWish {
    const all = this.choosable.every((row) => this.chosen.has(row.id));
    return {
      kinds: null,
      items: all ? null : [...this.chosen],
      conflicts: [...this.conflicts].map(([item, choice]) => ({ item, choice })),
    };
  }

  /** Reads both sides for the first time; everything is chosen. */
  async readSides(): Promise<void> {
    this.chosen = new Set();
    this.conflicts = new Map();
    this.everything = [];
    const plan = await this.#rehearse({ kinds: null, items: null, conflicts: [] });
    if (!plan) return;
    this.everything = plan.items;
    this.chosen = new Set(this.choosable.map((row) => row.id));
    this.step = "choose";
  }

  /** Rehearses exactly what is chosen now. */
  async rehearse(): Promise<void> {
    await this.#rehearse(this.wish);
  }

  choose(rows: ResourceRow[], yes: boolean) {
    const next = new Set(this.chosen);
    for (const row of rows) {
      if (yes) next.add(row.id);
      else next.delete(row.id);
    }
    this.chosen = next;
    this.stale = true;
  }

  decide(row: ResourceRow, choice: ConflictChoice) {
    this.conflicts = new Map(this.conflicts).set(row.id, choice);
    this.stale = true;
  }

  /** Starts the run of exactly the plan that was shown. Returns its id, or null where it was refused. */
  async startRun(typedName: string): Promise<string | null> {
    if (!this.plan || !this.canConfirm) return null;
    this.error = null;
    try {
      return await ipc.startResourceRun(this.plan.id, this.plan.fingerprint, typedName);
    } catch (thrown) {
      this.error = asUiError(thrown);
      return null;
    }
  }

  back() {
    this.error = null;
    this.step = this.step === "confirm" ? "choose" : "sides";
  }

  async #rehearse(wish: ResourceWish): Promise<ResourceRehearsal | null> {
    if (!this.source || !this.target || this.sameSides) return null;
    const mine = ++this.#asked;
    this.reading = true;
    this.error = null;
    try {
      const plan = await ipc.rehearseResources(this.source, this.target, wish);
      if (mine !== this.#asked) return null;
      this.plan = plan;
      this.stale = false;
      return plan;
    } catch (thrown) {
      if (mine === this.#asked) this.error = asUiError(thrown);
      return null;
    } finally {
      if (mine === this.#asked) this.reading = false;
    }
  }
}
