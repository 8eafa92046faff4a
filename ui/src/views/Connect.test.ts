import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Connection, IpcError, ipc } from "../ipc";
import { app } from "../features/app.svelte";
import Connect from "./Connect.svelte";

const CANARY = "canary-5d41402a-bc4b-2a76-b971-9d911017c592";

beforeEach(() => {
  vi.spyOn(ipc, "keyringState").mockResolvedValue("available");
});
afterEach(() => void vi.restoreAllMocks());

function form() {
  render(Connect, { kind: "tagodeploy" });
  const field = (id: string) => screen.getByTestId<HTMLInputElement>(id);
  return { field, user: userEvent.setup() };
}

describe("the connect form", () => {
  it("hides the token and empties the field as soon as it is sent", async () => {
    const refused = new IpcError({ code: "unauthorized", message: "No.", hint: null, retryable: false });
    const connect = vi.spyOn(ipc, "connectTagodeploy").mockRejectedValue(refused);
    const { field, user } = form();
    expect(field("connect-token").type).toBe("password");
    await user.type(field("connect-name"), "Harbour");
    await user.type(field("connect-address"), "https://api.example.com");
    await user.type(field("connect-token"), CANARY);
    await user.click(field("connect-submit"));
    expect(connect).toHaveBeenCalledExactlyOnceWith("Harbour", "https://api.example.com", CANARY);
    expect(field("connect-token").value).toBe("");
    await screen.findByTestId("connect-error");
    expect(document.documentElement.outerHTML).not.toContain(CANARY);
    const values = [...document.querySelectorAll("input")].map((input) => input.value);
    expect(values).not.toContain(CANARY);
  });

  it("asks for a name and an address first, and sends nothing", async () => {
    const connect = vi.spyOn(ipc, "connectTagodeploy");
    const { field, user } = form();
    await user.click(field("connect-submit"));
    const codes = screen.getAllByTestId("error-code").map((note) => note.dataset.code);
    expect(codes).toEqual(["bad_input", "bad_input"]);
    expect(connect).not.toHaveBeenCalled();
  });

  it("does not call back somebody who has gone on meanwhile", async () => {
    const connection = { id: "c", name: "Harbour" } as Connection;
    vi.spyOn(ipc, "connectTagodeploy").mockResolvedValue(connection);
    let refreshed = () => {};
    const refresh = vi
      .spyOn(app, "refresh")
      .mockReturnValue(new Promise<void>((settle) => (refreshed = settle)));
    const { field, user } = form();
    await user.type(field("connect-name"), "Harbour");
    await user.type(field("connect-address"), "https://api.example.com");
    await user.click(field("connect-submit"));
    await waitFor(() => expect(refresh).toHaveBeenCalledOnce());
    app.go({ page: "history" });
    refreshed();
    await new Promise((next) => setTimeout(next));
    expect(app.route.page).toBe("history");
  });

  it("turns a locked keyring into a state with a remedy", async () => {
    vi.mocked(ipc.keyringState).mockResolvedValue("locked");
    const again = vi.spyOn(ipc, "keyringTryAgain").mockResolvedValue("available");
    const { user } = form();
    await user.click(await screen.findByTestId("keyring-try-again"));
    expect(again).toHaveBeenCalledOnce();
    await waitFor(() => expect(screen.getByTestId("keyring-state").dataset.state).toBe("available"));
  });
});
