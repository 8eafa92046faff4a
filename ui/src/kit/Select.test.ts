import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import Select from "./Select.svelte";

function select(value: string | null = null) {
  const onchange = vi.fn();
  render(Select, {
    label: "Region",
    value,
    options: [
      { value: "us", label: "us-east-1" },
      { value: "eu", label: "eu-west-1" },
      { value: "sa", label: "sa-east-1", disabled: true },
    ],
    onchange,
  });
  return { onchange, box: screen.getByRole("combobox", { name: /Region/ }), user: userEvent.setup() };
}

const active = (box: HTMLElement) =>
  document.getElementById(box.getAttribute("aria-activedescendant") ?? "")?.textContent?.trim();

describe("the list box", () => {
  it("opens and chooses with the keyboard alone", async () => {
    const { box, onchange, user } = select();
    box.focus();
    await user.keyboard("{ArrowDown}");
    expect(box.getAttribute("aria-expanded")).toBe("true");
    expect(active(box)).toBe("us-east-1");
    await user.keyboard("{ArrowDown}{Enter}");
    expect(onchange.mock.calls).toEqual([["eu"]]);
    expect(box.textContent).toContain("eu-west-1");
    expect(document.activeElement).toBe(box);
    expect(screen.queryByRole("listbox")).toBeNull();
  });

  it("starts at what is chosen and finds by the first letter", async () => {
    const { box, user } = select("eu");
    box.focus();
    await user.keyboard("{Enter}");
    expect(active(box)).toBe("eu-west-1");
    await user.keyboard("u");
    expect(active(box)).toBe("us-east-1");
  });

  it("keeps the value on Escape", async () => {
    const { box, onchange, user } = select("us");
    box.focus();
    await user.keyboard("{Enter}{ArrowDown}{Escape}");
    expect(onchange).not.toHaveBeenCalled();
    expect(box.textContent).toContain("us-east-1");
  });

  it("does not choose a disabled option", async () => {
    const { box, onchange, user } = select();
    box.focus();
    await user.keyboard("{Enter}{End}{Enter}");
    expect(onchange).not.toHaveBeenCalled();
  });

  it("chooses with the pointer", async () => {
    const { box, onchange, user } = select();
    await user.click(box);
    await user.click(screen.getByRole("option", { name: "eu-west-1" }));
    expect(onchange.mock.calls).toEqual([["eu"]]);
  });
});
