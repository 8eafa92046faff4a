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

  it("are those of the newest question, also where an older one is answered last", async () => {
    const answers: ((projects: Project[]) => void)[] = [];
    app.connections = [connection("a")];
    vi.spyOn(ipc, "projects").mockImplementation(() => new Promise((resolve) => answers.push(resolve)));
    const both = [app.refreshProjects("a"), app.refreshProjects("a")];
    answers[1]?.([]);
    answers[0]?.([project("a")]);
    await Promise.all(both);
    expect(app.projects.a).toEqual([]);
  });

  it("are there for whoever asked first, also while somebody asks again", async () => {
    const answers: ((projects: Project[]) => void)[] = [];
    app.connections = [connection("a")];
    vi.spyOn(ipc, "projects").mockImplementation(() => new Promise((resolve) => answers.push(resolve)));
    const first = app.refreshProjects("a");
    void app.refreshProjects("a");
    answers[0]?.([project("a")]);
    await first;
    expect(app.projects.a).toEqual([project("a")]);
  });

  it("do not hold one that was deleted since they were asked for", async () => {
    const answers: ((projects: Project[]) => void)[] = [];
    app.connections = [connection("a")];
    app.projects = { a: [project("a")] };
    vi.spyOn(ipc, "projects").mockImplementation(() => new Promise((resolve) => answers.push(resolve)));
    const before = app.refreshProjects("a");
    app.takeAway(project("a"));
    expect(app.projects.a).toEqual([]);
    answers[0]?.([project("a")]);
    await before;
    expect(app.projects.a).toEqual([]);
  });
});

describe("the runs", () => {
  it("are those of the newest question, also where an older one is answered last", async () => {
    const answers: ((runs: RunSummary[]) => void)[] = [];
    vi.spyOn(ipc, "runs").mockImplementation(() => new Promise((resolve) => answers.push(resolve)));
    const both = [app.refreshRuns(), app.refreshRuns()];
    answers[1]?.([{ id: "r", state: "done" }] as RunSummary[]);
    answers[0]?.([{ id: "r", state: "running" }] as RunSummary[]);
    await Promise.all(both);
    expect(app.runs[0]?.state).toBe("done");
  });
});
