import { afterEach, describe, expect, it, vi } from "vitest";
import { ipc, IpcError, type Connection, type Project, type ResourceRun, type RunSummary } from "../ipc";
import { app } from "./app.svelte";

const connection = (id: string) => ({ id, kind: "tagodeploy", state: "ready" }) as Connection;
const project = (id: string) => ({ connection: id, id: `${id}-project` }) as Project;

afterEach(() => void vi.restoreAllMocks());

describe("what waits for its owner", () => {
  it("is every run of either kind that is not over, the newest first", () => {
    const run = (id: string, state: string, at: number) => ({ id, state, target_name: id, started_at: at });
    app.runs = [
      run("a", "paused", 1),
      run("b", "planned_again", 2),
      run("c", "done", 3),
      run("d", "given_up", 4),
    ] as RunSummary[];
    app.resourceRuns = [
      { id: "d", state: "paused", target_name: "d", begun_at: 4 },
      { id: "e", state: "undone", target_name: "e", begun_at: 5 },
    ] as ResourceRun[];
    expect(app.unfinishedRuns.map((one) => one.route)).toEqual([
      { page: "resource-run", run: "d" },
      { page: "run", run: "a" },
    ]);
  });
});

describe("the projects of several connections", () => {
  it("are all kept, in whatever order the answers come", async () => {
    const answers = new Map<string, (projects: Project[]) => void>();
    vi.spyOn(ipc, "connections").mockResolvedValue([connection("a"), connection("b"), connection("c")]);
    vi.spyOn(ipc, "projects").mockImplementation((id) => {
      if (id === "c") {
        const error = { code: "unreachable" as const, message: "No answer.", hint: null, retryable: true };
        return Promise.reject(new IpcError(error));
      }
      return new Promise((resolve) => answers.set(id, resolve));
    });
    const refreshed = app.refresh();
    await vi.waitFor(() => expect(answers.size).toBe(2));
    answers.get("b")?.([project("b")]);
    answers.get("a")?.([project("a")]);
    await refreshed;
    expect(app.allProjects.map((each) => each.id).sort()).toEqual(["a-project", "b-project"]);
    expect(app.projectErrors.c?.code).toBe("unreachable");
  });
});
