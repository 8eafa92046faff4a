import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { app } from "../features/app.svelte";
import { ipc, type Backup, type BackupPage, type Project } from "../ipc";
import NewProject from "./NewProject.svelte";

const project: Project = {
  connection: "c",
  id: "p",
  name: "Greenhouse",
  role: "owner",
  region: "us-east-1",
  version: "v1",
  api: "https://api.example.com",
  status: "active",
  created_at: 0,
  size: 1,
  restored_from: null,
  deployment: null,
};
const backup = (id: string): Backup => ({
  id,
  created_at: Date.UTC(2026, 2, 1, 4, 30),
  size: 31_000_000,
  size_change: null,
  kind: "daily",
  status: "completed",
  disappears_at: null,
  restored_as: [],
  error: null,
});
const page = (...backups: Backup[]): BackupPage => ({
  backups,
  next_run_at: 0,
  last_run_at: null,
  retention_days: 7,
  keep_at_most: 7,
});

function open() {
  vi.spyOn(ipc, "catalogue").mockResolvedValue({ regions: [], versions: [] });
  let arrive = (_: BackupPage) => {};
  vi.spyOn(ipc, "backups").mockReturnValue(new Promise((resolve) => (arrive = resolve)));
  render(NewProject, { side: { connection: "c", project: "p" }, backup: "b" });
  return arrive;
}

const name = () => screen.findByTestId<HTMLInputElement>("restore-name");

beforeEach(() => void (app.projects = { c: [project] }));
afterEach(() => void vi.restoreAllMocks());

describe("a new project from a backup", () => {
  it("offers no field before the name can be proposed in it", async () => {
    const arrive = open();
    await screen.findByRole("status");
    expect(screen.queryByTestId("restore-name")).toBeNull();
    arrive(page(backup("b")));
    expect((await name()).value).toBe("Greenhouse 2026-03-01");
  });

  it("keeps the name that was written when the projects are read again", async () => {
    open()(page(backup("b")));
    const user = userEvent.setup();
    await user.clear(await name());
    expect((await name()).value).toBe("");
    await user.type(await name(), "Rescue");
    app.projects = { c: [{ ...project, size: 2 }] };
    await vi.waitFor(() => expect(app.project({ connection: "c", project: "p" })?.size).toBe(2));
    expect((await name()).value).toBe("Rescue");
  });

  it("says so when the backup is no longer kept", async () => {
    open()(page(backup("another")));
    await screen.findByTestId("backup-not-kept");
    expect(screen.queryByTestId("restore-next")).toBeNull();
  });
});
