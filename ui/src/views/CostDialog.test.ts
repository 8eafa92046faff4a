import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { IpcError, ipc, type ErrorCode, type Quote } from "../ipc";
import { w } from "../words";
import CostDialog from "./CostDialog.svelte";

const MINUTE = 60_000;

function quote(id: string, perHour: number): Quote {
  return {
    id,
    backup: "b",
    region: "us-east-1",
    version: "v",
    expires_at: Date.now() + 15 * MINUTE,
    currency: "USD",
    lines: [{ label: "Platform licence", category: "Platform", micros: perHour, per: "hour" }],
    creation_fee: 25_000_000,
    per_hour: perHour,
    per_month: perHour * 730,
    size: 31_000_000,
  };
}

function refused(code: ErrorCode) {
  return new IpcError({ code, message: "The quote cannot be used.", hint: null, retryable: false });
}

async function open(quotes: Quote[]) {
  const asked = vi.spyOn(ipc, "quote");
  for (const each of quotes) asked.mockResolvedValueOnce(each);
  const [oncreated, onclose] = [vi.fn(), vi.fn()];
  const side = { connection: "c", project: "p" };
  render(CostDialog, {
    side,
    backup: "b",
    name: "Copy",
    region: "us-east-1",
    version: "v",
    onclose,
    oncreated,
  });
  await screen.findByTestId("cost-creation-fee");
  const confirm = () => screen.getByTestId<HTMLButtonElement>("cost-confirm");
  const consent = () => screen.getByTestId<HTMLInputElement>("cost-consent");
  return { asked, oncreated, onclose, confirm, consent };
}

beforeEach(() => void vi.useFakeTimers({ shouldAdvanceTime: true }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const user = () => userEvent.setup({ advanceTimers: vi.advanceTimersByTime });

describe("the cost dialog", () => {
  it("cannot be left while the project is made: that would not undo it", async () => {
    const { confirm, consent, onclose } = await open([quote("q1", 1)]);
    vi.spyOn(ipc, "restore").mockReturnValue(new Promise(() => undefined));
    await user().click(consent());
    await user().click(confirm());
    expect(screen.getByText<HTMLButtonElement>(w.kit.cancel).disabled).toBe(true);
    await user().keyboard("{Escape}");
    expect(onclose).not.toHaveBeenCalled();
  });

  it("shows the creation fee, the hour and the month", async () => {
    await open([quote("q1", 417_500)]);
    expect(screen.getByTestId("cost-creation-fee").textContent).toBe("$25.00");
    expect(screen.getByTestId("cost-per-hour").textContent).toBe("$0.4175");
    expect(screen.getByTestId("cost-per-month").textContent).toBe("$304.78");
  });

  it("stays closed until consent is given, and again when it is taken back", async () => {
    const { confirm, consent } = await open([quote("q1", 417_500)]);
    expect(confirm().disabled).toBe(true);
    await user().click(consent());
    expect(confirm().disabled).toBe(false);
    await user().click(consent());
    expect(confirm().disabled).toBe(true);
  });

  it("creates with the quote that was agreed to", async () => {
    const restore = vi.spyOn(ipc, "restore").mockResolvedValue({ project: "p2", deployment: "d" });
    const { confirm, consent, oncreated } = await open([quote("q1", 417_500)]);
    await user().click(consent());
    await user().click(confirm());
    await waitFor(() => expect(oncreated).toHaveBeenCalledWith({ project: "p2", deployment: "d" }));
    expect(restore).toHaveBeenCalledExactlyOnceWith("c", "p", "b", "q1", "Copy", "us-east-1", "v");
  });

  it.each(["quote_changed", "quote_expired"] as const)("asks again on %s, without consent", async (code) => {
    const restore = vi.spyOn(ipc, "restore").mockRejectedValueOnce(refused(code));
    const { confirm, consent, oncreated } = await open([quote("q1", 417_500), quote("q2", 452_500)]);
    await user().click(consent());
    await user().click(confirm());
    await screen.findByTestId("cost-changed");
    expect(screen.getByTestId("cost-per-hour").textContent).toBe("$0.4525");
    expect(screen.getByText("was $0.4175")).toBeTruthy();
    expect(consent().checked).toBe(false);
    expect(confirm().disabled).toBe(true);
    expect(oncreated).not.toHaveBeenCalled();

    restore.mockResolvedValueOnce({ project: "p2", deployment: "d" });
    await user().click(consent());
    await user().click(confirm());
    await waitFor(() => expect(oncreated).toHaveBeenCalledOnce());
    expect(restore.mock.lastCall?.[3]).toBe("q2");
  });

  it("closes when the price expires before it is used, and offers to ask again", async () => {
    const { asked, confirm, consent } = await open([quote("q1", 417_500)]);
    await user().click(consent());
    await vi.advanceTimersByTimeAsync(15 * MINUTE + 1000);
    expect(confirm().disabled).toBe(true);
    asked.mockResolvedValueOnce(quote("q2", 417_500));
    await user().click(screen.getByTestId("cost-again"));
    await waitFor(() => expect(consent().disabled).toBe(false));
    expect(consent().checked).toBe(false);
  });

  it("leaves the judgement to the server where its clock differs from ours", async () => {
    const past = { ...quote("q1", 417_500), expires_at: Date.now() - 60 * MINUTE };
    const { confirm, consent } = await open([past]);
    await user().click(consent());
    expect(confirm().disabled).toBe(false);
  });

  it("shows any other refusal and keeps the consent", async () => {
    vi.spyOn(ipc, "restore").mockRejectedValueOnce(refused("project_busy"));
    const { confirm, consent } = await open([quote("q1", 417_500)]);
    await user().click(consent());
    await user().click(confirm());
    expect((await screen.findByTestId("error-code")).dataset.code).toBe("project_busy");
    expect(consent().checked).toBe(true);
  });
});
