import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const sources = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(ts|svelte)$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name));

describe("boundaries of the window", () => {
  it("finds its own sources", () => {
    expect(sources.length).toBeGreaterThan(10);
  });

  it("imports @tauri-apps in ipc/ alone", () => {
    const offenders = sources
      .filter((path) => relative(root, path).split(sep)[0] !== "ipc")
      .filter((path) =>
        /from\s+["']@tauri-apps|import\(["']@tauri-apps|__TAURI/.test(readFileSync(path, "utf8")),
      );
    expect(offenders).toEqual([]);
  });

  it("reaches the generated bindings through ipc/index alone", () => {
    const offenders = sources
      .filter((path) => relative(root, path).split(sep)[0] !== "ipc")
      .filter((path) => /ipc\/bindings["']/.test(readFileSync(path, "utf8")));
    expect(offenders).toEqual([]);
  });

  it("writes no style that the content security policy would drop", () => {
    const offenders = sources.filter(
      (path) => path.endsWith(".svelte") && /\sstyle="/.test(readFileSync(path, "utf8")),
    );
    expect(offenders).toEqual([]);
  });

  it("uses no native select, date or time control", () => {
    const offenders = sources.filter(
      (path) =>
        path.endsWith(".svelte") &&
        /<select|type="(date|time|datetime-local|month|week)"/.test(readFileSync(path, "utf8")),
    );
    expect(offenders).toEqual([]);
  });
});
