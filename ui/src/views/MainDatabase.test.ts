import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ipc, IpcError, type MainDatabase } from "../ipc";
import MainDatabaseView from "./MainDatabase.svelte";

const HOUR = 3_600_000;
const settings: MainDatabase = {
  daily_time: "04:30",
  retention_days: 7,
  keep_at_most: 7,
  next_runs: [Date.now() + HOUR, Date.now() + 25 * HOUR, Date.now() + 49 * HOUR],
  last_run: null,
};
const backup = (id: string) => ({ id, created_at: 0, size: 1 });

/** The oldest of seven goes at the next run anyway; each day less of retention takes one more. */
function platform() {
  vi.spyOn(ipc, "mainDatabase").mockResolvedValue(settings);
  vi.spyOn(ipc, "previewSchedule").mockImplementation(async (_connection, _project, _time, days) => ({
    next_runs: settings.next_runs,
    deletes: ["oldest", "older", "old"].slice(0, 8 - days).map(backup),
  }));
  return vi
    .spyOn(ipc, "setSchedule")
    .mockImplementation(async (_connection, _project, daily_time, retention_days) => ({
      ...settings,
      daily_time,
      retention_days,
    }));
}

async function page() {
  render(MainDatabaseView, { side: { connection: "c", project: "p" } });
  const time = await screen.findByTestId<HTMLInputElement>("schedule-time");
  const field = (id: string) => screen.getByTestId<HTMLInputElement>(id);
  return { time, field, user: userEvent.setup() };
}

afterEach(() => void vi.restoreAllMocks());

describe("the schedule", () => {
  it("shows the local time beside UTC and saves in one press where the change deletes nothing", async () => {
    const set = platform();
    const { time, field, user } = await page();
    expect(screen.getByTestId("schedule-local").textContent).toContain("01:30");
    await user.clear(time);
    await user.type(time, "02:15");
    expect(screen.getByTestId("schedule-local").textContent).toContain("23:15");
    await vi.waitFor(() => expect(field("schedule-save").disabled).toBe(false));
    await user.click(field("schedule-save"));
    await screen.findByTestId("schedule-saved");
    expect(set).toHaveBeenCalledExactlyOnceWith("c", "p", "02:15", 7);
  });

  it("saves only once it is known what the change deletes", async () => {
    const set = platform();
    const answers: (() => void)[] = [];
    vi.mocked(ipc.previewSchedule).mockImplementation(
      (_connection, _project, _time, days) =>
        new Promise((resolve) =>
          answers.push(() =>
            resolve({
              next_runs: settings.next_runs,
              deletes: ["oldest", "older"].slice(0, 8 - days).map(backup),
            }),
          ),
        ),
    );
    const { field, user } = await page();
    await user.clear(field("schedule-retention"));
    await user.type(field("schedule-retention"), "6");
    expect(field("schedule-save").disabled).toBe(true);
    await vi.waitFor(() => expect(answers.length).toBe(2));
    answers.forEach((answer) => answer());
    await vi.waitFor(() => expect(field("schedule-save").disabled).toBe(false));
    expect(field("schedule-save").textContent).toContain("1");
    expect(set).not.toHaveBeenCalled();
  });

  it("leaves what was typed while it saved", async () => {
    let answer: (saved: MainDatabase) => void = () => undefined;
    platform().mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    const { time, field, user } = await page();
    await user.clear(time);
    await user.type(time, "02:15");
    await vi.waitFor(() => expect(field("schedule-save").disabled).toBe(false));
    await user.click(field("schedule-save"));
    await user.clear(time);
    await user.type(time, "02:45");
    answer({ ...settings, daily_time: "02:15" });
    await vi.waitFor(() => expect(field("schedule-save").disabled).toBe(false));
    expect(time.value).toBe("02:45");
  });

  it("shows first what the change deletes, and only that", async () => {
    const set = platform();
    const { field, user } = await page();
    await user.clear(field("schedule-retention"));
    await user.type(field("schedule-retention"), "6");
    await vi.waitFor(() => expect(field("schedule-save").disabled).toBe(false));
    expect(set).not.toHaveBeenCalled();
    const listed = screen.getByTestId("schedule-preview").querySelectorAll("[data-backup]");
    expect([...listed].map((item) => item.getAttribute("data-backup"))).toEqual(["older"]);
    await user.click(field("schedule-save"));
    await screen.findByTestId("schedule-saved");
    expect(set).toHaveBeenCalledExactlyOnceWith("c", "p", "04:30", 6);
  });

  it.each([
    ["schedule-time", "25:00"],
    ["schedule-time", ""],
    ["schedule-retention", "0"],
    ["schedule-retention", "36"],
    ["schedule-retention", "a week"],
  ])("names the rule when %s is %j, and does not save", async (testid, text) => {
    platform();
    const { field, user } = await page();
    await user.clear(field(testid));
    if (text) await user.type(field(testid), text);
    expect(screen.getByTestId("error-code").dataset.code).toBe("bad_input");
    expect(field("schedule-save").disabled).toBe(true);
  });

  it("explains to a collaborator why there is nothing to see", async () => {
    const error = {
      code: "forbidden" as const,
      message: "Only the owner may.",
      hint: null,
      retryable: false,
    };
    vi.spyOn(ipc, "mainDatabase").mockRejectedValue(new IpcError(error));
    render(MainDatabaseView, { side: { connection: "c", project: "p" } });
    await screen.findByTestId("schedule-forbidden");
    expect(screen.getByTestId("error-code").dataset.code).toBe("forbidden");
  });
});
