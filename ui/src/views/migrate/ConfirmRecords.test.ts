import { render, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Choices, PlanSummary } from "../../ipc";
import { Pair } from "../../features/pair.svelte";
import { Wizard } from "../../features/wizard.svelte";
import { w } from "../../words";
import ConfirmRecords from "./ConfirmRecords.svelte";

function confirm(choices: Partial<Choices>, over: Partial<PlanSummary> = {}) {
  const wizard = new Wizard(new Pair(null, null));
  const summary = { records_to_write: 3, devices_create: 0, actions: [], irreversible: [], ...over };
  wizard.rehearsal = {
    id: "r",
    target_name: "Plant",
    phase: "done",
    checks: [],
    choices: { policy: "fill", tripped: "hold", ...choices },
    summary,
  } as unknown as NonNullable<Wizard["rehearsal"]>;
  render(ConfirmRecords, { wizard });
}

describe("the page before anything is written", () => {
  it("repeats nothing where nothing out of the ordinary was chosen", () => {
    confirm({});
    expect(screen.queryByTestId("confirm-choices")).toBeNull();
    expect(screen.getByText(w.wizard.confirmNote(false, false))).toBeTruthy();
  });

  it("says that appending doubles what is there", () => {
    confirm({ policy: "append" });
    expect(screen.getByText(w.wizard.confirmAppend)).toBeTruthy();
  });

  it("says that actions will act on old records", () => {
    confirm({ tripped: "let_fire" }, { actions: ["Alarm", "Mail"] });
    expect(screen.getByText(w.wizard.confirmLetFire(2))).toBeTruthy();
  });

  it("says that actions are switched off meanwhile", () => {
    confirm({}, { actions: ["Alarm"] });
    expect(screen.getByText(w.wizard.confirmHold(1))).toBeTruthy();
  });

  it("says where a list names what cannot be taken back", () => {
    confirm({}, { irreversible: [{ kind: "device", name: "Pump", detail: "it keeps no record" }] });
    expect(screen.getByText(w.wizard.confirmNote(true, false))).toBeTruthy();
    expect(screen.getByTestId("irreversible")).toBeTruthy();
  });
});
