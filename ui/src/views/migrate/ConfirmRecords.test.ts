import { render, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Choices, PlanSummary } from "../../ipc";
import { Pair } from "../../features/pair.svelte";
import { Wizard } from "../../features/wizard.svelte";
import { w } from "../../words";
import ConfirmRecords from "./ConfirmRecords.svelte";

function confirm(choices: Partial<Choices>, over: Partial<PlanSummary> = {}) {
  const wizard = new Wizard(new Pair(null, null));
  const summary = {
    records_to_write: 3,
    records_to_remove: 0,
    devices_create: 0,
    devices_to_wake: 0,
    actions: [],
    irreversible: [],
    not_as_before: [],
    ...over,
  };
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

  it("speaks of removing where records are removed, and not of writing where none is written", () => {
    confirm({ policy: "replace" }, { records_to_write: 0, records_to_remove: 412 });
    expect(screen.getByText("Holdfast will now remove 412 records from Plant.")).toBeTruthy();
    expect(screen.getByTestId("confirm-run").textContent).toContain(w.wizard.confirmRemoveOnly);
  });

  it("does not call lost for good what a taking back writes again", () => {
    const again = [{ kind: "device", name: "Pump", detail: "its removed records come back" }];
    confirm({ policy: "replace" }, { records_to_remove: 412, not_as_before: again });
    expect(
      screen.getByText("Holdfast will now remove 412 records from Plant and write 3 records into it."),
    ).toBeTruthy();
    expect(screen.getByText(w.wizard.confirmNote(false, true))).toBeTruthy();
    expect(screen.getByTestId("not-as-before")).toBeTruthy();
    expect(screen.queryByTestId("irreversible")).toBeNull();
  });

  it("says which devices take what is sent to them meanwhile", () => {
    confirm({}, { devices_to_wake: 2 });
    expect(screen.getByText(w.wizard.confirmWake(2, "Plant"))).toBeTruthy();
  });
});
