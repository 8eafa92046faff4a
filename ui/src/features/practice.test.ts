import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ipc, type Connection, type Project, type RunSummary } from "../ipc";
import { app } from "./app.svelte";
import { openPractice, openPracticeIfAsked, startBadDay } from "./practice.svelte";

const connection = { id: "practice", kind: "this_computer", state: "ready" } as Connection;
const project = { connection: "practice", id: "p1", status: "active", restored_from: null } as Project;
const backups = { page: "backups", side: { connection: "practice", project: "p1" } };

beforeEach(() => {
  app.go({ page: "welcome" });
  app.runs = [];
  vi.spyOn(ipc, "opensWithPractice").mockResolvedValue(true);
  vi.spyOn(ipc, "startPractice").mockResolvedValue(connection);
  vi.spyOn(ipc, "connections").mockResolvedValue([connection]);
  vi.spyOn(ipc, "projects").mockResolvedValue([project]);
});
afterEach(() => void vi.restoreAllMocks());

describe("who has gone on while the practice platform starts", () => {
  beforeEach(() => {
    vi.mocked(ipc.startPractice).mockImplementation(async () => {
      app.go({ page: "connect", kind: "tagoio" });
      return connection;
    });
  });

  it("is not taken to its backups", async () => {
    await openPractice();
    expect(app.route.page).toBe("connect");
  });

  it("is not taken to the bad day", async () => {
    vi.spyOn(ipc, "badDay").mockResolvedValue({ project: "p1" } as never);
    await startBadDay();
    expect(app.route.page).toBe("connect");
  });
});

describe("a start with the practice platform", () => {
  it("opens its backups", async () => {
    await openPracticeIfAsked();
    expect(app.route).toEqual(backups);
  });

  it("does nothing where it was not asked for", async () => {
    vi.mocked(ipc.opensWithPractice).mockResolvedValue(false);
    await openPracticeIfAsked();
    expect(ipc.startPractice).not.toHaveBeenCalled();
    expect(app.route.page).toBe("welcome");
  });

  it("leaves the welcome page to a run that waits to be finished", async () => {
    app.runs = [{ id: "r", state: "paused" } as RunSummary];
    await openPracticeIfAsked();
    expect(app.route.page).toBe("welcome");
  });

  it("does not take anybody away from a page opened meanwhile", async () => {
    vi.mocked(ipc.startPractice).mockImplementation(async () => {
      app.go({ page: "history" });
      return connection;
    });
    await openPracticeIfAsked();
    expect(app.route.page).toBe("history");
  });
});
