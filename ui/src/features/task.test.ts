import { describe, expect, it } from "vitest";
import { IpcError } from "../ipc";
import { Task } from "./task.svelte";

describe("a task", () => {
  it("keeps the newest answer, whichever comes last", async () => {
    const waiting: ((value: string) => void)[] = [];
    const task = new Task(() => new Promise<string>((resolve) => waiting.push(resolve)));
    const first = task.run();
    const second = task.run();
    waiting[1]?.("new");
    expect(await second).toBe(true);
    waiting[0]?.("old");
    expect(await first).toBe(false);
    expect(task.value).toBe("new");
    expect(task.busy).toBe(false);
  });

  it("keeps the last value beside an error", async () => {
    let fail = false;
    const task = new Task(async () => {
      if (fail)
        throw new IpcError({ code: "unreachable", message: "No answer.", hint: null, retryable: true });
      return 1;
    });
    await task.run();
    fail = true;
    expect(await task.run()).toBe(false);
    expect(task.value).toBe(1);
    expect(task.error?.code).toBe("unreachable");
  });
});
