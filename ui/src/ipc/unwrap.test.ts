import { invoke } from "@tauri-apps/api/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { asUiError, ipc, IpcError } from ".";

vi.mock("@tauri-apps/api/core", () => ({ invoke: vi.fn(), Channel: class {} }));
afterEach(() => void vi.mocked(invoke).mockReset());

describe("a command", () => {
  it("answers with its value", async () => {
    vi.mocked(invoke).mockResolvedValueOnce([{ id: "c" }]);
    expect(await ipc.connections()).toEqual([{ id: "c" }]);
  });

  it("throws an IpcError with the shell's code, message and hint", async () => {
    const error = { code: "forbidden", message: "Only the owner may.", hint: "Ask.", retryable: false };
    vi.mocked(invoke).mockRejectedValueOnce(error);
    const thrown = await ipc.connections().catch((caught: unknown) => caught);
    expect(thrown).toBeInstanceOf(IpcError);
    expect(asUiError(thrown)).toEqual(error);
  });

  it("passes a view model on even when it has a status of its own", async () => {
    const failed = { id: "d", status: "error", error: "disk full", log: [] };
    vi.mocked(invoke).mockResolvedValueOnce(failed);
    expect(await ipc.deployment("c", "p", "d")).toEqual(failed);
  });
});
