import { afterEach, describe, expect, it, vi } from "vitest";
import {
  IpcError,
  ipc,
  type KindSummary,
  type ResourceRehearsal,
  type ResourceRow,
  type ResourceSummary,
} from "../ipc";
import { Pair } from "./pair.svelte";
import { ResourceWizard } from "./resources.svelte";

const source = { connection: "c", project: "restored" };
const target = { connection: "c", project: "original" };
const kind = (over: Partial<KindSummary> = {}): KindSummary => ({
  kind: "dashboard",
  total: 3,
  choosable: 3,
  to_write: 2,
  eventful: true,
  all: true,
  except: [],
  ...over,
});
const row = (id: string) => ({ kind: "dashboard", id, parent: null }) as ResourceRow;

function compared(over: Partial<ResourceRehearsal> = {}, kinds = [kind()]): ResourceRehearsal {
  const summary = { fingerprint: "f00d", nothing_to_do: false, kinds } as ResourceSummary;
  return {
    id: "r1",
    source,
    target,
    source_name: "Restored",
    target_name: "Original",
    phase: "done",
    done: 0,
    total: null,
    checks: [],
    scripts: null,
    summary,
    error: null,
    ...over,
  };
}

async function wizard(first = compared()): Promise<ResourceWizard> {
  vi.spyOn(ipc, "startResourceRehearsal").mockResolvedValue("r1");
  vi.spyOn(ipc, "resourceRehearsal").mockResolvedValue(first);
  const made = new ResourceWizard(new Pair(source, target, "resources"));
  await made.readSides();
  return made;
}

afterEach(() => void vi.restoreAllMocks());

describe("while both sides are read", () => {
  async function comparing(): Promise<ResourceWizard> {
    const made = await wizard();
    vi.spyOn(ipc, "startResourceRehearsal").mockResolvedValue("r2");
    vi.spyOn(ipc, "resourceRehearsal").mockResolvedValue(compared({ id: "r2", phase: "comparing" }));
    return made;
  }

  it("nothing can be chosen that the answer would not know of", async () => {
    const made = await comparing();
    await made.rehearse();
    made.choose(row("d1"), false);
    made.chooseKind("dashboard", false);
    made.decide(row("d2"), "take_source");
    made.take(compared({ id: "r2" }));
    expect(made.countOf(kind())).toBe(3);
    expect([made.conflicts.size, made.stale, made.canConfirm]).toEqual([0, false, true]);
  });

  it("a folder is not kept before it has given something", async () => {
    const made = await comparing();
    vi.spyOn(ipc, "cancelResourceRehearsal").mockResolvedValue(null);
    await made.useScripts("/code");
    expect(ipc.startResourceRehearsal).toHaveBeenCalledWith(
      source,
      target,
      expect.objectContaining({ scripts: "/code" }),
      "r1",
    );
    await made.cancel();
    expect(made.scripts).toBeNull();
    await made.useScripts("/code");
    made.take(compared({ id: "r2", scripts: "/code" }));
    expect(made.scripts).toBe("/code");
  });

  it("a comparison that was cancelled before it had a name ends when it has one", async () => {
    let name: (id: string) => void = () => undefined;
    vi.spyOn(ipc, "startResourceRehearsal").mockImplementation(() => new Promise((give) => (name = give)));
    const cancel = vi.spyOn(ipc, "cancelResourceRehearsal").mockResolvedValue(null);
    const made = new ResourceWizard(new Pair(source, target, "resources"));
    const reading = made.readSides();
    await made.cancel();
    name("r1");
    await reading;
    expect(cancel).toHaveBeenCalledExactlyOnceWith("r1");
  });

  it("other sides are not mixed with what is said of the former ones", async () => {
    vi.spyOn(ipc, "startResourceRehearsal").mockResolvedValue("r1");
    vi.spyOn(ipc, "resourceRehearsal").mockResolvedValue(compared({ phase: "comparing" }));
    const cancel = vi.spyOn(ipc, "cancelResourceRehearsal").mockResolvedValue(null);
    const made = new ResourceWizard(new Pair(source, target, "resources"));
    await made.readSides();
    made.pair.target = { connection: "c", project: "another" };
    made.take(compared());
    expect([made.step, made.plan, made.reading]).toEqual(["sides", null, false]);
    expect(cancel).toHaveBeenCalledWith("r1");
  });
});

describe("checks", () => {
  it("lets nothing be written that a check stops", async () => {
    const check = { name: "networks", title: "Networks", message: "One lacks." };
    expect((await wizard(compared({ checks: [{ ...check, verdict: "warn" }] }))).canConfirm).toBe(true);
    expect((await wizard(compared({ checks: [{ ...check, verdict: "block" }] }))).canConfirm).toBe(false);
  });
});

describe("choosing resources", () => {
  it("begins with everything, and asks for exactly what is left of it", async () => {
    const made = await wizard();
    expect([made.step, made.canConfirm]).toEqual(["choose", true]);
    made.choose(row("a"), false);
    expect([made.isChosen("dashboard", "a"), made.isChosen("dashboard", "b")]).toEqual([false, true]);
    expect([made.countOf(kind()), made.canConfirm]).toEqual([2, false]);
    const asked = vi.spyOn(ipc, "startResourceRehearsal").mockResolvedValue("r1");
    await made.rehearse();
    const [, , wish, earlier] = asked.mock.calls.at(-1) ?? [];
    expect(wish?.chosen).toEqual([{ kind: "dashboard", all: true, except: ["a"] }]);
    expect(earlier).toBe("r1");
  });

  it("takes none of a type, and one of it again", async () => {
    const made = await wizard();
    made.chooseKind("dashboard", false);
    expect(made.somethingChosen).toBe(false);
    made.choose(row("b"), true);
    expect([made.isChosen("dashboard", "b"), made.isChosen("dashboard", "a")]).toEqual([true, false]);
    made.choose(row("b"), false);
    expect(made.countOf(kind())).toBe(0);
  });

  it("shows what a tag has chosen", async () => {
    const made = await wizard();
    vi.spyOn(ipc, "resourceRehearsal").mockResolvedValue(compared({}, [kind({ all: false, except: ["c"] })]));
    await made.chooseTagged("region", " ");
    const [, , wish] = vi.mocked(ipc.startResourceRehearsal).mock.calls.at(-1) ?? [];
    expect(wish?.tagged).toEqual({ key: "region", value: null });
    expect([made.isChosen("dashboard", "c"), made.isChosen("dashboard", "a")]).toEqual([true, false]);
    expect([made.stale, made.canConfirm]).toEqual([false, true]);
  });

  it("keeps what was shown when a rehearsal is cancelled or fails", async () => {
    const made = await wizard();
    vi.spyOn(ipc, "resourceRehearsal").mockResolvedValue(compared({ phase: "connecting", summary: null }));
    const cancelled = vi.spyOn(ipc, "cancelResourceRehearsal").mockResolvedValue(null);
    await made.rehearse();
    expect([made.reading, made.canConfirm]).toEqual([true, false]);
    await made.cancel();
    expect(cancelled).toHaveBeenCalledWith("r1");
    made.take(compared({ phase: "failed", summary: null }));
    expect([made.reading, made.error, made.plan?.id]).toEqual([false, null, "r1"]);
    await made.rehearse();
    const error = { code: "unreachable" as const, message: "No answer.", hint: null, retryable: true };
    made.take(compared({ phase: "failed", summary: null, error }));
    expect([made.reading, made.error?.code]).toEqual([false, "unreachable"]);
  });

  it("keeps no folder that was refused", async () => {
    const made = await wizard();
    const refused = { code: "bad_input" as const, message: "No folder.", hint: null, retryable: false };
    const asked = vi.spyOn(ipc, "startResourceRehearsal").mockRejectedValue(new IpcError(refused));
    await made.useScripts(" code ");
    expect(asked.mock.calls.at(-1)?.[2].scripts).toBe("code");
    expect([made.error?.code, made.scripts]).toEqual(["bad_input", null]);
    vi.spyOn(ipc, "resourceRehearsal").mockResolvedValue(compared({ scripts: "/code" }));
    asked.mockResolvedValue("r1");
    await made.useScripts("/code");
    await made.rehearse();
    expect(asked.mock.calls.at(-1)?.[2].scripts).toBe("/code");
  });
});
