// What the whole window shares: the connections, their projects, and the page that is open.
import {
  asUiError,
  events,
  ipc,
  type BadDay,
  type Connection,
  type Project,
  type ResourceRun,
  type RunSummary,
  type Side,
  type UiError,
} from "../ipc";

import { Newest } from "./newest";
import type { Cargo } from "./pair.svelte";

/** What a run left undone: what it held back, or all that it lacks because its journal is damaged. */
export type Rest = { run: string; of: "held" | "damaged" };

export type Route =
  | { page: "welcome" }
  | { page: "connect"; kind: "tagodeploy" | "tagoio" }
  | { page: "bad-day" }
  | { page: "backups"; side: Side }
  | { page: "main-database"; side: Side }
  | { page: "new-project"; side: Side; backup: string }
  | { page: "deployment"; side: Side; deployment: string }
  | { page: "inspect"; side: Side }
  | { page: "restored" }
  | {
      page: "migrate";
      source: Side | null;
      target: Side | null;
      cargo?: Cargo;
      /** Both sides are known and read at once. */
      begin?: boolean;
      /** It is about what a run left undone. */
      rest?: Rest;
    }
  | { page: "run"; run: string }
  | { page: "resource-run"; run: string }
  | { page: "restore"; project: string }
  | { page: "history" };

/** A run to go on with, and its page. */
type Unfinished = { target_name: string; route: Route };

class App {
  connections = $state.raw<Connection[]>([]);
  projects = $state.raw<Record<string, Project[]>>({});
  projectErrors = $state.raw<Record<string, UiError>>({});
  runs = $state.raw<RunSummary[]>([]);
  resourceRuns = $state.raw<ResourceRun[]>([]);
  /** Runs of this process that only wait for their owner to resume them. */
  pausedHere = $state.raw<ReadonlySet<string>>(new Set());
  badDay = $state.raw<BadDay | null>(null);
  error = $state.raw<UiError | null>(null);
  loaded = $state(false);
  route = $state.raw<Route>({ page: "welcome" });
  /** The project that the sidebar shows as open. */
  open = $state.raw<Side | null>(null);

  readonly allProjects = $derived(Object.values(this.projects).flat());
  readonly restored = $derived(this.allProjects.filter((project) => project.restored_from !== null));
  /** Runs of either kind that wait for their owner or are under way, newest first. */
  readonly unfinishedRuns = $derived<Unfinished[]>(
    [
      ...this.runs.map((run) => ({ ...run, at: run.started_at, page: "run" as const })),
      ...this.resourceRuns.map((run) => ({ ...run, at: run.begun_at, page: "resource-run" as const })),
    ]
      .filter(isUnfinished)
      .sort((a, b) => b.at - a.at)
      .map(({ id, target_name, page }) => ({ target_name, route: { page, run: id } })),
  );

  readonly #newest = {
    connections: new Newest(),
    badDay: new Newest(),
    runs: new Newest(),
    resourceRuns: new Newest(),
    projects: new Map<string, Newest>(),
  };
  #listening: Promise<unknown> | null = null;

  go(route: Route) {
    this.route = route;
    if ("side" in route) this.open = route.side;
  }

  async start() {
    // What changes between the question and its answer is told, so somebody must be listening.
    this.#listening ??= Promise.all([
      events.connectionsChanged.listen(() => void this.refresh()),
      events.badDayChanged.listen(() => void this.refreshBadDay()),
    ]);
    await this.#listening;
    await Promise.all([this.refresh(), this.refreshBadDay(), this.refreshRuns(), this.refreshResourceRuns()]);
    this.loaded = true;
  }

  async refresh() {
    const isNews = this.#newest.connections.ask();
    try {
      const connections = await ipc.connections();
      if (isNews()) {
        this.connections = connections;
        this.error = null;
      }
    } catch (thrown) {
      if (isNews()) this.error = asUiError(thrown);
    }
    const known = new Set(this.connections.map((connection) => connection.id));
    this.projects = Object.fromEntries(Object.entries(this.projects).filter(([id]) => known.has(id)));
    await Promise.all(this.connections.map((connection) => this.refreshProjects(connection.id)));
  }

  async refreshProjects(connection: string) {
    const state = this.connections.find((item) => item.id === connection)?.state;
    if (state !== "ready") return;
    const isNews = this.#newestProjects(connection).ask();
    // Each answer is put into what is there when it arrives: several connections are asked at once.
    try {
      const projects = await ipc.projects(connection);
      if (!isNews()) return;
      const { [connection]: _, ...errors } = this.projectErrors;
      this.projects = { ...this.projects, [connection]: projects };
      this.projectErrors = errors;
    } catch (thrown) {
      if (!isNews()) return;
      this.projectErrors = { ...this.projectErrors, [connection]: asUiError(thrown) };
    }
  }

  /** A project that is deleted is shown no more, whatever was asked before. */
  takeAway(project: Project) {
    const { connection, id } = project;
    this.#newestProjects(connection).forget();
    const others = (this.projects[connection] ?? []).filter((other) => other.id !== id);
    this.projects = { ...this.projects, [connection]: others };
  }

  async refreshBadDay() {
    const isNews = this.#newest.badDay.ask();
    // Without a practice platform there is no bad day; its own page says why when it is opened.
    const badDay = await ipc.badDay().catch(() => null);
    if (isNews()) this.badDay = badDay;
  }

  async refreshRuns() {
    const isNews = this.#newest.runs.ask();
    try {
      const runs = await ipc.runs();
      if (isNews()) this.runs = runs;
    } catch (thrown) {
      if (isNews()) this.error = asUiError(thrown);
    }
  }

  async refreshResourceRuns() {
    const isNews = this.#newest.resourceRuns.ask();
    try {
      const runs = await ipc.resourceRuns();
      if (isNews()) this.resourceRuns = runs;
    } catch (thrown) {
      if (isNews()) this.error = asUiError(thrown);
    }
  }

  #newestProjects(connection: string): Newest {
    const { projects } = this.#newest;
    const newest = projects.get(connection) ?? new Newest();
    projects.set(connection, newest);
    return newest;
  }

  keepPaused(run: string, paused: boolean) {
    const others = [...this.pausedHere].filter((id) => id !== run);
    this.pausedHere = new Set(paused ? [...others, run] : others);
  }

  connection(id: string): Connection | null {
    return this.connections.find((connection) => connection.id === id) ?? null;
  }

  project(side: Side | null): Project | null {
    if (!side) return null;
    return this.projects[side.connection]?.find((project) => project.id === side.project) ?? null;
  }

  /** Opens a project where its owner would look first. */
  openProject(project: Project) {
    const side = sideOf(project);
    if (project.deployment && project.status !== "active") {
      this.go({ page: "deployment", side, deployment: project.deployment });
    } else if (project.restored_from) {
      this.go({ page: "inspect", side });
    } else {
      this.go({ page: "backups", side });
    }
  }
}

export const app = new App();

export function sideOf(project: Project): Side {
  return { connection: project.connection, project: project.id };
}

export function sameSide(a: Side | null, b: Side | null): boolean {
  return a !== null && b !== null && a.connection === b.connection && a.project === b.project;
}

export function isUnfinished(run: Pick<RunSummary | ResourceRun, "state">): boolean {
  const over = ["done", "done_with_exceptions", "stopped", "undone", "planned_again", "given_up"];
  return !over.includes(run.state);
}
