import { render, screen } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { app } from "../../features/app.svelte";
import type { Project, RunView } from "../../ipc";
import { w } from "../../words";
import Finish from "./Finish.svelte";

const project = {
  connection: "c",
  id: "copy",
  name: "Copy",
  restored_from: { project: "p", project_name: "P", backup: "b", backup_created_at: 0 },
} as Project;

function finish(over: { green?: boolean; agrees?: boolean; only_left_out?: boolean }) {
  const run = {
    source: { connection: "c", project: "copy" },
    source_name: "Copy",
    restored_project_exists: true,
    proof: {
      green: over.green ?? true,
      agrees: over.agrees ?? false,
      only_left_out: over.only_left_out ?? false,
      depth: "content",
    },
  } as RunView;
  render(Finish, { run });
}

beforeEach(() => {
  app.projects = {};
});

describe("keep or delete", () => {
  it("offers to delete the restored project once the proof is green", () => {
    app.projects = { c: [project] };
    finish({});
    expect(screen.getByTestId<HTMLButtonElement>("finish-delete").disabled).toBe(false);
  });

  it("keeps it while the proof is not green", () => {
    app.projects = { c: [project] };
    finish({ green: false });
    expect(screen.getByTestId<HTMLButtonElement>("finish-delete").disabled).toBe(true);
    expect(screen.getByText(w.run.finishGreenFirst("Copy"))).toBeTruthy();
  });

  it("keeps it where only counts were compared", () => {
    app.projects = { c: [project] };
    finish({ green: false, agrees: true });
    expect(screen.getByTestId<HTMLButtonElement>("finish-delete").disabled).toBe(true);
    expect(screen.getByText(w.run.finishCounted("Copy"))).toBeTruthy();
  });

  it("keeps it while it alone has what was left out", () => {
    app.projects = { c: [project] };
    finish({ green: false, only_left_out: true });
    expect(screen.getByTestId<HTMLButtonElement>("finish-delete").disabled).toBe(true);
    expect(screen.getByText(w.run.finishLeftOut("Copy"))).toBeTruthy();
  });

  it("says that it is gone only where its connection says so", () => {
    finish({});
    expect(screen.queryByText(w.run.finishGone("Copy"))).toBeNull();
  });

  it("says that it is gone when its connection no longer lists it", () => {
    app.projects = { c: [] };
    finish({});
    expect(screen.getByText(w.run.finishGone("Copy"))).toBeTruthy();
  });
});
