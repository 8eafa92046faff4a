import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import Slider from "./Slider.svelte";

function slider(value: number) {
  const onchange = vi.fn();
  render(Slider, { label: "Share", value, min: 100, max: 985, step: 50, text: "", onchange });
  return onchange;
}

async function pressed(value: number, keys: string): Promise<unknown> {
  const onchange = slider(value);
  await userEvent.tab();
  expect(document.activeElement).toBe(screen.getByRole("slider", { name: "Share" }));
  await userEvent.keyboard(keys);
  return onchange.mock.calls[0]?.[0];
}

describe("a slider", () => {
  it("steps by keys onto round values, and onto both ends", async () => {
    expect(await pressed(600, "{ArrowRight}")).toBe(650);
  });

  it("comes from an end that is not round", async () => {
    expect(await pressed(985, "{ArrowLeft}")).toBe(950);
  });

  it("stops at the last value", async () => {
    expect(await pressed(950, "{PageUp}")).toBe(985);
  });

  it("goes to both ends", async () => {
    expect(await pressed(600, "{Home}")).toBe(100);
  });

  it("says nothing where nothing changes", async () => {
    expect(await pressed(985, "{End}")).toBeUndefined();
  });
});
