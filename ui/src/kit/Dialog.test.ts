import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { createRawSnippet } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import Dialog from "./Dialog.svelte";

const html = (text: string) => createRawSnippet(() => ({ render: () => text }));
let opener: HTMLButtonElement;

beforeEach(() => {
  opener = document.createElement("button");
  document.body.append(opener);
  opener.focus();
});

afterEach(() => opener.remove());

function dialog() {
  const onclose = vi.fn();
  const { unmount } = render(Dialog, {
    title: "What this will cost",
    onclose,
    children: html("<label>Agree <input type='checkbox'></label>"),
    actions: html(
      "<span><button>Cancel</button><button disabled>Closed</button><button>Create</button></span>",
    ),
  });
  return { onclose, unmount, user: userEvent.setup() };
}

describe("a dialog", () => {
  it("has a name and takes the focus", () => {
    dialog();
    expect(screen.getByRole("dialog", { name: "What this will cost" })).toBeTruthy();
    expect(document.activeElement).toBe(screen.getByRole("checkbox"));
  });

  it("keeps Tab inside, in both directions, past disabled controls", async () => {
    const { user } = dialog();
    await user.tab();
    await user.tab();
    expect(document.activeElement).toBe(screen.getByText("Create"));
    await user.tab();
    expect(document.activeElement).toBe(screen.getByRole("checkbox"));
    await user.tab({ shift: true });
    expect(document.activeElement).toBe(screen.getByText("Create"));
  });

  it("asks to be closed on Escape", async () => {
    const { onclose, user } = dialog();
    await user.keyboard("{Escape}");
    expect(onclose).toHaveBeenCalledOnce();
  });

  it("gives the focus back to where it was", () => {
    const { unmount } = dialog();
    unmount();
    expect(document.activeElement).toBe(opener);
  });
});
