import { afterEach, describe, expect, it, vi } from "vitest";
import { IpcError, ipc, type PlanSummary, type RehearsalView, type SourceOverview } from "../ipc";
import { Pair } from "./pair.svelte";
import { Wizard } from "./wizard.svelte";

const source = { connection: "c", project: "restored" };
const target = { connection: "c", project: "original" };
const device = (id: string) => ({ id, name: id, tags: [], records: 1, first: 0, last: 1, on_target: true });
const overview: SourceOverview = {
  devices: [device("d1"), device("d2")],
  variables: ["temperature", "humidity"],
};
const summary = { fingerprint: "f00d", records_to_write: 3, nothing_to_do: false } as PlanSummary;
const strip = { days: [0], devices: [] };

function rehearsal(over: Partial<RehearsalView>): RehearsalView {
  return {
    id: "r1",
    source,
    target,
    source_name: "Restored",
    target_name: "Original",
    choices: {
      devices: null,
      variables: null,
      from: null,
      to: null,
      policy: "fill",
      depth: "exact",
      tripped: "hold",
      lane: "stream",
      inactive: "wake",
    },
    phase: "assessing",
    done: 0,
    total: null,
    checks: [],
    summary: null,
    waiting: null,
    rebuilt: null,
    error: null,
    ...over,
  };
}

async function chosen(): Promise<Wizard> {
  vi.spyOn(ipc, "sourceOverview").mockResolvedValue(overview);
  const wizard = new Wizard(new Pair(source, target));
  await wizard.readSides();
  return wizard;
}

async function rehearsed(view: Partial<RehearsalView>): Promise<Wizard> {
  const wizard = await chosen();
  vi.spyOn(ipc, "startRehearsal").mockResolvedValue("r1");
  vi.spyOn(ipc, "rehearsal").mockResolvedValue(rehearsal({}));
  vi.spyOn(ipc, "rehearsalStrip").mockResolvedValue(strip);
  await wizard.rehearse();
  wizard.take(rehearsal(view));
  await vi.waitFor(() => expect(wizard.rehearsal?.phase).toBe(view.phase));
  return wizard;
}

afterEach(() => void vi.restoreAllMocks());

describe("from and to", () => {
  it("refuses the same project on both sides without asking anybody", async () => {
    const asked = vi.spyOn(ipc, "sourceOverview");
    const wizard = new Wizard(new Pair(source, { ...source }));
    expect(wizard.pair.same).toBe(true);
    await wizard.readSides();
    expect(asked).not.toHaveBeenCalled();
    expect(wizard.step).toBe("sides");
  });

  it("stays where the shell refuses the pair", async () => {
    const error = {
      code: "same_project" as const,
      message: "One project, two addresses.",
      hint: null,
      retryable: false,
    };
    vi.spyOn(ipc, "sourceOverview").mockRejectedValue(new IpcError(error));
    const wizard = new Wizard(new Pair(source, target));
    await wizard.readSides();
    expect(wizard.step).toBe("sides");
    expect(wizard.error?.code).toBe("same_project");
  });

  it("goes on with everything chosen", async () => {
    const wizard = await chosen();
    expect(wizard.step).toBe("choose");
    expect(wizard.choices).toEqual({
      devices: null,
      variables: null,
      from: null,
      to: null,
      policy: "fill",
      depth: "exact",
      tripped: "hold",
      lane: "stream",
      inactive: "wake",
    });
  });
});

describe("sides that are changed while they are read", () => {
  it("are not mixed: what is said of the former pair is let go", async () => {
    let answer: (overview: SourceOverview) => void = () => undefined;
    vi.spyOn(ipc, "sourceOverview").mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    const wizard = new Wizard(new Pair(source, target));
    const reading = wizard.readSides();
    wizard.pair.source = { connection: "c", project: "another" };
    answer(overview);
    await reading;
    expect([wizard.step, wizard.overview, wizard.reading]).toEqual(["sides", null, false]);
  });
});

describe("the choice", () => {
  it("says how records travel and what becomes of inactive devices", async () => {
    const wizard = await chosen();
    wizard.lane = "file";
    wizard.inactive = "leave";
    expect([wizard.choices.lane, wizard.choices.inactive]).toEqual(["file", "leave"]);
  });

  it("names what is left when something is taken away", async () => {
    const wizard = await chosen();
    wizard.chooseDevice("d1", false);
    wizard.chooseVariable("humidity", false);
    expect(wizard.choices.devices).toEqual(["d2"]);
    expect(wizard.choices.variables).toEqual(["temperature"]);
  });

  it("asks for at least one device and one variable", async () => {
    const wizard = await chosen();
    wizard.chooseDevices(overview.devices, false);
    expect(wizard.somethingChosen).toBe(false);
    const started = vi.spyOn(ipc, "startRehearsal");
    await wizard.rehearse();
    expect(started).not.toHaveBeenCalled();
  });

  it("reads the time range as local time, and names what is wrong with it", async () => {
    const wizard = await chosen();
    wizard.fromText = "2026-10-01 00:00";
    wizard.toText = "2026-10-31 23:59";
    expect(wizard.choices.from).toBe(Date.UTC(2026, 9, 1, 3, 0));
    expect(wizard.choices.to).toBe(Date.UTC(2026, 10, 1, 2, 59));
    expect(wizard.timeProblem).toBeNull();
    wizard.toText = "2026-09-30 12:00";
    expect(wizard.timeProblem).toBe("order");
    wizard.toText = "tomorrow";
    expect(wizard.timeProblem).toBe("to");
    wizard.fromText = "2026-13-01 00:00";
    expect(wizard.timeProblem).toBe("from");
  });
});

describe("the rehearsal", () => {
  it("takes in news of its own rehearsal alone, and nothing after the end", async () => {
    const wizard = await rehearsed({ phase: "done", summary });
    wizard.take(rehearsal({ id: "another", phase: "failed" }));
    wizard.take(rehearsal({ phase: "comparing" }));
    expect(wizard.rehearsal?.phase).toBe("done");
    expect(wizard.canConfirm).toBe(true);
  });

  it("does not go on past a check that stops the migration", async () => {
    const check = {
      name: "limits",
      title: "Limits",
      verdict: "block" as const,
      message: "Too many devices.",
    };
    const wizard = await rehearsed({ phase: "done", summary, checks: [check] });
    expect(wizard.blocked).toBe(true);
    expect(wizard.canConfirm).toBe(false);
  });

  it("does not go on where nothing is missing", async () => {
    const wizard = await rehearsed({ phase: "done", summary: { ...summary, nothing_to_do: true } });
    expect(wizard.canConfirm).toBe(false);
    const start = vi.spyOn(ipc, "startRun");
    expect(await wizard.startRun("Original")).toBeNull();
    expect(start).not.toHaveBeenCalled();
  });

  it("can be cancelled, and late news of it changes nothing", async () => {
    const wizard = await rehearsed({ phase: "comparing" });
    const cancel = vi.spyOn(ipc, "cancelRehearsal").mockResolvedValue(null);
    await wizard.cancelRehearsal();
    expect(cancel).toHaveBeenCalledWith("r1");
    wizard.take(rehearsal({ phase: "done", summary }));
    expect(wizard.rehearsal).toBeNull();
    expect(wizard.step).toBe("choose");
  });
});

describe("a rehearsal that was cancelled before it had a name", () => {
  it("ends when it has one, and news of the next one are taken in", async () => {
    const wizard = await chosen();
    const names: ((id: string) => void)[] = [];
    vi.spyOn(ipc, "startRehearsal").mockImplementation(() => new Promise((resolve) => names.push(resolve)));
    vi.spyOn(ipc, "rehearsal").mockImplementation(async (id) => rehearsal({ id }));
    vi.spyOn(ipc, "rehearsalStrip").mockResolvedValue(strip);
    const cancel = vi.spyOn(ipc, "cancelRehearsal").mockResolvedValue(null);
    const first = wizard.rehearse();
    await wizard.cancelRehearsal();
    const second = wizard.rehearse();
    names[1]?.("second");
    await second;
    names[0]?.("first");
    await first;
    expect(cancel).toHaveBeenCalledExactlyOnceWith("first");
    wizard.take(rehearsal({ id: "second", phase: "done", summary }));
    expect(wizard.canConfirm).toBe(true);
  });
});

describe("what a run left undone", () => {
  it("is rehearsed without a choice, and whenever it is rehearsed again", async () => {
    const started = vi.spyOn(ipc, "startRehearsal");
    vi.spyOn(ipc, "rehearsal").mockResolvedValue(rehearsal({ phase: "done", summary }));
    vi.spyOn(ipc, "rehearsalStrip").mockResolvedValue({ days: [], devices: [] });
    const begin = vi.fn().mockResolvedValue("r1");
    const wizard = new Wizard(new Pair(source, target));
    await wizard.rehearseRest(begin);
    expect([wizard.step, wizard.canConfirm]).toEqual(["rehearsal", true]);
    await wizard.rehearse();
    expect(begin).toHaveBeenCalledTimes(2);
    expect(started).not.toHaveBeenCalled();
  });
});

describe("the start of the run", () => {
  it("confirms nothing that was only counted", async () => {
    const wizard = await rehearsed({ phase: "done", summary });
    expect([wizard.counted, wizard.canConfirm]).toEqual([false, true]);
    wizard.depth = "counted";
    expect(wizard.choices.depth).toBe("counted");
    const counted = await rehearsed({ phase: "done", summary, choices: wizard.choices });
    expect([counted.counted, counted.canConfirm]).toEqual([true, false]);
  });

  it("names the plan by its fingerprint and answers with its run", async () => {
    const wizard = await rehearsed({ phase: "done", summary });
    const start = vi.spyOn(ipc, "startRun").mockResolvedValue("run1");
    expect(await wizard.startRun("Original")).toBe("run1");
    expect(start).toHaveBeenCalledWith("r1", "f00d", "Original", null);
  });

  it("shows why it was refused, and starts nothing", async () => {
    const wizard = await rehearsed({ phase: "done", summary });
    const error = {
      code: "plan_changed" as const,
      message: "3 items changed.",
      hint: null,
      retryable: false,
    };
    vi.spyOn(ipc, "startRun").mockRejectedValue(new IpcError(error));
    expect(await wizard.startRun("Original")).toBeNull();
    expect(wizard.error?.code).toBe("plan_changed");
  });
});
