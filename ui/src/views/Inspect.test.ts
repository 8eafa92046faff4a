import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { app } from "../features/app.svelte";
import { ipc, type Project } from "../ipc";
import { w } from "../words";
import Inspect from "./Inspect.svelte";

const copy = () =>
  ({
    id: "copy",
    connection: "c",
    name: "Copy",
    created_at: 0,
    size: 1,
    restored_from: { project: "p", project_name: "Plant", backup_created_at: null },
  }) as Project;

afterEach(() => void vi.restoreAllMocks());

describe("the devices of a restored project", () => {
  it("stay where they are, with what is typed above them, while the projects are listed anew", async () => {
    app.projects = { c: [copy()] };
    const asked = vi.spyOn(ipc, "sourceOverview").mockResolvedValue({ devices: [], variables: [] });
    render(Inspect, { side: { connection: "c", project: "copy" } });
    const field = await screen.findByLabelText<HTMLInputElement>(w.inspect.filter);
    await userEvent.type(field, "pump");
    app.projects = { c: [copy()] };
    await new Promise((drawn) => setTimeout(drawn, 20));
    expect(document.activeElement).toBe(field);
    expect(asked).toHaveBeenCalledTimes(1);
  });
});
