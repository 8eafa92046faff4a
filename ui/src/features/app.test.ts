import { afterEach, describe, expect, it, vi } from "vitest";
import { ipc, IpcError, type Connection, type Project } from "../ipc";
import { app } from "./app.svelte";

const connection = (id: string) => ({ id, kind: "tagodeploy", state: "ready" }) as Connection;
const project = (id: string) => ({ connection: id, id: `${id}-project` }) as Project;

afterEach(() => void vi.restoreAllMocks());

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
