// The state of one migration up to its run: both sides, what was chosen, and the rehearsal of exactly that.
import {
  asUiError,
  ipc,
  type Choices,
  type Depth,
  type HoleStrip,
  type InactiveChoice,
  type LaneChoice,
  type Policy,
  type RehearsalView,
  type SideDevice,
  type SourceOverview,
  type TrippedChoice,
  type UiError,
} from "../ipc";
import { f } from "../words";
import type { Pair } from "./pair.svelte";

export type Step = "sides" | "choose" | "rehearsal" | "confirm";
export type TimeProblem = "from" | "to" | "order" | "open";

export class Wizard {
  readonly pair: Pair;
  step = $state<Step>("sides");
  overview = $state.raw<SourceOverview | null>(null);
  reading = $state(false);
  error = $state.raw<UiError | null>(null);

  devices = $state.raw<ReadonlySet<string>>(new Set());
  variables = $state.raw<ReadonlySet<string>>(new Set());
  fromText = $state("");
  toText = $state("");
  policy = $state<Policy>("fill");
  depth = $state<Depth>("exact");
  tripped = $state<TrippedChoice>("hold");
  lane = $state<LaneChoice>("stream");
  inactive = $state<InactiveChoice>("wake");
  /** Of the target's limits, in tenths of a percent; until the owner says otherwise, what suits the target. */
  shareChosen = $state<number | null>(null);

  rehearsal = $state.raw<RehearsalView | null>(null);
  strip = $state.raw<HoleStrip | null>(null);
  #rehearsalId: string | null = null;
  #asked = 0;
  /** Begins the rehearsal of what a run left undone, if this is about that. */
  #restOf: (() => Promise<string>) | null = null;

  constructor(pair: Pair) {
    this.pair = pair;
  }

  readonly from = $derived(f.parseFieldDateTime(this.fromText));
  readonly to = $derived(f.parseFieldDateTime(this.toText));
  readonly timeProblem = $derived.by((): TimeProblem | null => {
    if (this.fromText.trim() !== "" && this.from === null) return "from";
    if (this.toText.trim() !== "" && this.to === null) return "to";
    if (this.from !== null && this.to !== null && this.to <= this.from) return "order";
    return this.policy === "replace" && (this.from === null || this.to === null) ? "open" : null;
  });
  readonly somethingChosen = $derived(this.devices.size > 0 && this.variables.size > 0);
  readonly summary = $derived(this.rehearsal?.phase === "done" ? this.rehearsal.summary : null);
  readonly blocked = $derived(this.rehearsal?.checks.some((check) => check.verdict === "block") ?? false);
  /** Only counted: its figures are "about", and it cannot be run. */
  readonly counted = $derived(this.rehearsal?.choices.depth === "counted");
  readonly canConfirm = $derived(
    this.summary !== null && !this.summary.nothing_to_do && !this.blocked && !this.counted,
  );

  readonly share = $derived(this.shareChosen ?? this.summary?.target_share ?? 0);

  /** What the rehearsal is asked for: everything chosen means "all", also what appears later. */
  get choices(): Choices {
    const all = <T>(set: ReadonlySet<T>, of: T[]) => (of.every((item) => set.has(item)) ? null : [...set]);
    return {
      devices: all(this.devices, this.overview?.devices.map((device) => device.id) ?? []),
      variables: all(this.variables, this.overview?.variables ?? []),
      from: this.from,
      to: this.to,
      policy: this.policy,
      depth: this.depth,
      tripped: this.tripped,
      lane: this.lane,
      inactive: this.inactive,
    };
  }

  /** Reads both sides and goes on to the choice; stays where the sides do not fit together. */
  async readSides(): Promise<void> {
    const { sides } = this.pair;
    if (!sides) return;
    const mine = ++this.#asked;
    this.reading = true;
    this.error = null;
    try {
      const overview = await ipc.sourceOverview(...sides);
      if (mine !== this.#asked || !this.pair.isStill(sides)) return;
      this.overview = overview;
      this.devices = new Set(overview.devices.map((device) => device.id));
      this.variables = new Set(overview.variables);
      this.step = "choose";
    } catch (thrown) {
      if (mine === this.#asked && this.pair.isStill(sides)) this.error = asUiError(thrown);
    } finally {
      if (mine === this.#asked) this.reading = false;
    }
  }

  chooseDevice(id: string, yes: boolean) {
    this.devices = withMember(this.devices, id, yes);
  }

  chooseDevices(of: SideDevice[], yes: boolean) {
    this.devices = of.reduce((set, device) => withMember(set, device.id, yes), this.devices);
  }

  chooseVariable(name: string, yes: boolean) {
    this.variables = withMember(this.variables, name, yes);
  }

  /** Rehearses what a run left undone, now and whenever it is rehearsed again. */
  async rehearseRest(begin: () => Promise<string>): Promise<void> {
    this.#restOf = begin;
    await this.rehearse();
  }

  async rehearse(): Promise<void> {
    const { sides } = this.pair;
    if (!sides || (!this.#restOf && (!this.somethingChosen || this.timeProblem))) return;
    this.step = "rehearsal";
    this.rehearsal = null;
    this.strip = null;
    this.error = null;
    this.#rehearsalId = null;
    const mine = ++this.#asked;
    try {
      const id = await (this.#restOf?.() ?? ipc.startRehearsal(...sides, this.choices));
      if (mine !== this.#asked) {
        // Cancelled before it had a name.
        await ipc.cancelRehearsal(id);
        return;
      }
      this.#rehearsalId = id;
      const view = await ipc.rehearsal(id);
      if (mine === this.#asked) this.take(view);
    } catch (thrown) {
      if (mine === this.#asked) this.error = asUiError(thrown);
    }
  }

  /** Takes in news of the rehearsal; news of another one, or older news, changes nothing. */
  take(view: RehearsalView) {
    if (view.id !== this.#rehearsalId || isOver(this.rehearsal)) return;
    this.rehearsal = view;
    if (view.phase === "done") void this.#readStrip(view.id);
  }

  async cancelRehearsal(): Promise<void> {
    const id = this.#rehearsalId;
    const mine = ++this.#asked;
    this.#rehearsalId = null;
    this.rehearsal = null;
    this.error = null;
    this.step = "choose";
    if (!id) return;
    try {
      await ipc.cancelRehearsal(id);
    } catch (thrown) {
      if (mine === this.#asked) this.error = asUiError(thrown);
    }
  }

  /** Starts the run of exactly the plan that was shown. Returns the run's id, or null where it was refused. */
  async startRun(typedName: string): Promise<string | null> {
    if (!this.rehearsal || !this.summary || !this.canConfirm) return null;
    this.error = null;
    try {
      return await ipc.startRun(this.rehearsal.id, this.summary.fingerprint, typedName, this.shareChosen);
    } catch (thrown) {
      this.error = asUiError(thrown);
      return null;
    }
  }

  /** One step back; what was chosen stays. */
  back() {
    this.error = null;
    if (this.step === "confirm") this.step = "rehearsal";
    else if (this.step === "rehearsal") this.step = "choose";
    else if (this.step === "choose") this.step = "sides";
  }

  async #readStrip(id: string) {
    try {
      const strip = await ipc.rehearsalStrip(id);
      if (id === this.#rehearsalId) this.strip = strip;
    } catch (thrown) {
      if (id === this.#rehearsalId) this.error = asUiError(thrown);
    }
  }
}

function isOver(view: RehearsalView | null): boolean {
  return view?.phase === "done" || view?.phase === "failed";
}

function withMember<T>(set: ReadonlySet<T>, member: T, yes: boolean): ReadonlySet<T> {
  const next = new Set(set);
  if (yes) next.add(member);
  else next.delete(member);
  return next;
}
