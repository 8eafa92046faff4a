import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import Menu from "./Menu.svelte";

function menu() {
  const chosen = vi.fn();
  render(Menu, {
    label: "Actions",
    testid: "trigger",
    items: [
      { label: "New project from backup…", choose: () => chosen("new") },
      { label: "Copy the id", choose: () => chosen("copy") },
      { label: "Not now", disabled: true, choose: () => chosen("never") },
    ],
  });
  return { chosen, trigger: screen.getByTestId("trigger"), user: userEvent.setup() };
}

const focused = () => document.activeElement?.textContent?.trim();

describe("the three-dot menu", () => {
  it("opens by Enter with the first item focused, and says that it is open", async () => {
    const { trigger, user } = menu();
    expect(trigger.getAttribute("aria-expanded")).toBe("false");
    trigger.focus();
    await user.keyboard("{Enter}");
    expect(trigger.getAttribute("aria-expanded")).toBe("true");
    expect(focused()).toBe("New project from backup…");
  });

  it("moves round with the arrow keys, Home and End, and by the first letter", async () => {
    const { trigger, user } = menu();
    trigger.focus();
    await user.keyboard("{ArrowDown}{ArrowDown}");
    expect(focused()).toBe("Copy the id");
    await user.keyboard("{End}");
    expect(focused()).toBe("Not now");
    await user.keyboard("{ArrowDown}");
    expect(focused()).toBe("New project from backup…");
    await user.keyboard("{ArrowUp}");
    expect(focused()).toBe("Not now");
    await user.keyboard("c");
    expect(focused()).toBe("Copy the id");
    await user.keyboard("{Home}");
    expect(focused()).toBe("New project from backup…");
  });

  it("chooses by Enter, closes and gives the focus back", async () => {
    const { chosen, trigger, user } = menu();
    trigger.focus();
    await user.keyboard("{Enter}{ArrowDown}{Enter}");
    expect(chosen.mock.calls).toEqual([["copy"]]);
    expect(screen.queryByRole("menu")).toBeNull();
    expect(document.activeElement).toBe(trigger);
  });

  it("closes by Escape without choosing and gives the focus back", async () => {
    const { chosen, trigger, user } = menu();
    await user.click(trigger);
    expect(screen.getByRole("menu")).toBeTruthy();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("menu")).toBeNull();
    expect(document.activeElement).toBe(trigger);
    expect(chosen).not.toHaveBeenCalled();
  });

  it("does not choose a disabled item", async () => {
    const { chosen, trigger, user } = menu();
    trigger.focus();
    await user.keyboard("{ArrowUp}");
    expect(focused()).toBe("Not now");
    await user.keyboard("{Enter}");
    expect(chosen).not.toHaveBeenCalled();
    expect(screen.getByRole("menu")).toBeTruthy();
  });

  it("closes when somebody presses outside", async () => {
    const { trigger, user } = menu();
    await user.click(trigger);
    await user.click(document.body);
    expect(screen.queryByRole("menu")).toBeNull();
  });
});
