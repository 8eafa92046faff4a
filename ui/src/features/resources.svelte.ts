// The state of one move of resources up to its run: what both sides hold beside records, and the owner's choices.
import {
  asUiError,
  ipc,
  type ConflictChoice,
  type KindSummary,
  type ResourceRehearsal,
  type ResourceRow,
  type ResourceWish,
  type Side,
  type TagWish,
  type UiError,
} from "../ipc";
import type { Pair } from "./pair.svelte";

export type ResourceStep = "sides" | "choose" | "confirm";
type Chosen = { all: boolean; except: ReadonlySet<string> };

export class ResourceWizard {
  readonly pair: Pair;
  step = $state<ResourceStep>("sides");
  error = $state.raw<UiError | null>(null);
  /** The rehearsal that is under way, if one is. */
  underWay = $state.raw<ResourceRehearsal | null>(null);
  /** The newest one that is over: what is shown, and what can be run as long as nothing is chosen otherwise. */
  plan = $state.raw<ResourceRehearsal | null>(null);
  chosen = $state.raw<ReadonlyMap<string, Chosen>>(new Map());
  conflicts = $state.raw<ReadonlyMap<string, ConflictChoice>>(new Map());
  /** The folder that code of analyses is taken from; nothing in it means none. */
  scripts = $state<string | null>(null);
  stale = $state(false);
  /** Of the target's limits, in tenths of a percent; until the owner says otherwise, what suits the target. */
  shareChosen = $state<number | null>(null);
  reading = $state(false);
  #id: string | null = null;
  #asked = 0;
  #sides: [Side, Side] | null = null;
  /** Begins the comparison of what a run left undone, if this is about that. */
  #restOf: (() => Promise<string>) | null = null;

  constructor(pair: Pair) {
    this.pair = pair;
  }

  readonly summary = $derived(this.plan?.summary ?? null);
  readonly share = $derived(this.shareChosen ?? this.summary?.target_share ?? 0);
  readonly kinds = $derived(this.summary?.kinds ?? []);
  readonly blocked = $derived(this.plan?.checks.some((check) => check.verdict === "block") ?? false);
  readonly somethingChosen = $derived(this.kinds.some((kind) => this.countOf(kind) > 0));
  readonly canConfirm = $derived(
    this.summary !== null &&
      !this.reading &&
      !this.stale &&
      !this.blocked &&
      !this.summary.nothing_to_do &&
      this.somethingChosen,
  );

  isChosen(kind: string, id: string): boolean {
    const chosen = this.chosen.get(kind);
    return chosen === undefined || chosen.all !== chosen.except.has(id);
  }

  /** Whether this row is part of what is chosen; a widget comes with its dashboard. */
  takes(row: ResourceRow): boolean {
    return row.parent === null ? this.isChosen(row.kind, row.id) : this.isChosen("dashboard", row.parent);
  }

  /** How many of a type are chosen. */
  countOf(kind: KindSummary): number {
    const chosen = this.chosen.get(kind.kind);
    if (!chosen) return kind.choosable;
    return chosen.all ? kind.choosable - chosen.except.size : chosen.except.size;
  }

  /** Nothing is chosen while both sides are read: the answer is about what was chosen before. */
  choose(row: ResourceRow, yes: boolean) {
    if (this.reading) return;
    const { all, except } = this.chosen.get(row.kind) ?? { all: true, except: new Set<string>() };
    const next = new Set(except);
    if (yes === all) next.delete(row.id);
    else next.add(row.id);
    this.#choose(row.kind, { all, except: next });
  }

  chooseKind(kind: string, all: boolean) {
    if (this.reading) return;
    this.#choose(kind, { all, except: new Set() });
  }

  decide(row: ResourceRow, choice: ConflictChoice) {
    if (this.reading) return;
    this.conflicts = new Map(this.conflicts).set(row.id, choice);
    this.stale = true;
  }

  /** Reads both sides for the first time; everything is chosen. */
  async readSides(): Promise<void> {
    this.chosen = new Map();
    this.conflicts = new Map();
    this.scripts = null;
    this.plan = null;
    await this.#rehearse(null);
  }

  /** Compares what a run left undone; what is chosen afterwards is chosen of that. */
  async rehearseRest(begin: () => Promise<string>): Promise<void> {
    this.#restOf = begin;
    this.step = "choose";
    await this.#rehearse(null);
  }

  /** Rehearses exactly what is chosen now. */
  async rehearse(): Promise<void> {
    await this.#rehearse(null);
  }

  /** Chooses what carries a tag and nothing else, and rehearses that. */
  async chooseTagged(key: string, value: string): Promise<void> {
    await this.#rehearse({ key, value: value.trim() === "" ? null : value });
  }

  /** Looks for code of analyses in this folder, and rehearses with it; it is kept once that has come to its end. */
  async useScripts(folder: string): Promise<void> {
    await this.#rehearse(null, folder.trim());
  }

  /** Takes in news of the rehearsal under way; news of another one, or of other sides, changes nothing. */
  take(view: ResourceRehearsal) {
    if (view.id !== this.#id || !this.reading) return;
    if (!this.#sides || !this.pair.isStill(this.#sides)) {
      void this.cancel();
      return;
    }
    this.underWay = view;
    if (view.phase === "failed") {
      this.#over();
      this.error = view.error;
    } else if (view.phase === "done" && view.summary) {
      this.#over();
      this.plan = view;
      this.stale = false;
      this.scripts = view.scripts;
      this.chosen = new Map(
        view.summary.kinds.map(({ kind, all, except }) => [kind, { all, except: new Set(except) }]),
      );
      if (this.step === "sides") this.step = "choose";
    }
  }

  async cancel(): Promise<void> {
    const id = this.#id;
    const mine = ++this.#asked;
    this.#over();
    if (!id) return;
    try {
      await ipc.cancelResourceRehearsal(id);
    } catch (thrown) {
      if (mine === this.#asked) this.error = asUiError(thrown);
    }
  }

  /** Starts the run of exactly the plan that was shown. Returns its id, or null where it was refused. */
  async startRun(typedName: string): Promise<string | null> {
    if (!this.plan || !this.summary || !this.canConfirm) return null;
    this.error = null;
    try {
      const { fingerprint } = this.summary;
      return await ipc.startResourceRun(this.plan.id, fingerprint, typedName, this.shareChosen);
    } catch (thrown) {
      this.error = asUiError(thrown);
      return null;
    }
  }

  back() {
    this.error = null;
    this.step = this.step === "confirm" ? "choose" : "sides";
  }

  #choose(kind: string, chosen: Chosen) {
    this.chosen = new Map(this.chosen).set(kind, chosen);
    this.stale = true;
  }

  #over() {
    this.reading = false;
    this.underWay = null;
    this.#id = null;
  }

  #wish(tagged: TagWish | null, scripts: string | null): ResourceWish {
    return {
      chosen: [...this.chosen].map(([kind, { all, except }]) => ({ kind, all, except: [...except] })),
      tagged,
      conflicts: [...this.conflicts].map(([item, choice]) => ({ item, choice })),
      scripts,
    };
  }

  async #rehearse(tagged: TagWish | null, scripts = this.scripts): Promise<void> {
    const { sides } = this.pair;
    if (!sides) return;
    this.#sides = sides;
    const mine = ++this.#asked;
    this.reading = true;
    this.underWay = null;
    this.error = null;
    try {
      const earlier = this.plan?.id ?? null;
      const id =
        this.#restOf && earlier === null
          ? await this.#restOf()
          : await ipc.startResourceRehearsal(...sides, this.#wish(tagged, scripts), earlier);
      if (mine !== this.#asked) {
        // Cancelled before it had a name.
        await ipc.cancelResourceRehearsal(id);
        return;
      }
      this.#id = id;
      const view = await ipc.resourceRehearsal(id);
      if (mine === this.#asked) this.take(view);
    } catch (thrown) {
      if (mine !== this.#asked) return;
      this.#over();
      this.error = asUiError(thrown);
    }
  }
}
