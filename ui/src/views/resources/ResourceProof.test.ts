import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { ipc, type ResourceRun } from "../../ipc";
import { w } from "../../words";
import ResourceProof from "./ResourceProof.svelte";

afterEach(() => void vi.restoreAllMocks());

it("offers a proof again that did not come to its end", async () => {
  vi.spyOn(ipc, "resourceReport").mockReturnValue(new Promise(() => undefined));
  const prove = vi.fn();
  const run = { id: "r1", state: "done", proof: null } as ResourceRun;
  render(ResourceProof, { run, busy: false, prove });
  expect(screen.getByText(w.resources.proofOpen)).toBeTruthy();
  await userEvent.click(screen.getByTestId("resource-prove-again"));
  expect(prove).toHaveBeenCalledWith(false);
});

it("goes on with a proof that was interrupted, or begins it again", async () => {
  vi.spyOn(ipc, "resourceReport").mockReturnValue(new Promise(() => undefined));
  const prove = vi.fn();
  const run = { id: "r1", state: "done", proof: null, half_proven: true } as ResourceRun;
  render(ResourceProof, { run, busy: false, prove });
  expect(screen.getByText(w.resources.proofHalf)).toBeTruthy();
  await userEvent.click(screen.getByTestId("prove-afresh"));
  expect(prove).toHaveBeenCalledWith(true);
});
