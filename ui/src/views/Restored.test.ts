import { render, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import { app } from "../features/app.svelte";
import { ipc, type Meter, type Project } from "../ipc";
import Restored from "./Restored.svelte";

const copy = (id: string) =>
  ({
    id,
    connection: "c",
    name: id,
    created_at: 0,
    restored_from: { project: "p", project_name: "Plant", backup_created_at: null },
  }) as Project;

afterEach(() => void vi.restoreAllMocks());

describe("what restored projects have cost", () => {
  it("is kept for each, also where an older question is answered last", async () => {
    const answers: (() => void)[] = [];
    app.connections = [];
    app.projects = { c: [copy("a")] };
    vi.spyOn(ipc, "meter").mockImplementation(
      (_connection, project) =>
        new Promise((resolve) =>
          answers.push(() => resolve({ project, since: 0, until: 1, hours_started: 1, total: 1 } as Meter)),
        ),
    );
    render(Restored);
    await vi.waitFor(() => expect(answers.length).toBe(1));
    app.projects = { c: [copy("a"), copy("b")] };
    await vi.waitFor(() => expect(answers.length).toBe(3));
    answers[1]?.();
    answers[2]?.();
    await vi.waitFor(() => expect(screen.getAllByTestId("restored-meter").length).toBe(2));
    answers[0]?.();
    await new Promise((answered) => setTimeout(answered, 20));
    expect(screen.getAllByTestId("restored-meter").length).toBe(2);
  });
});
