// The practice platform: starting it, looking at it as somebody else, and the bad day.
import { ipc, type BadDay, type Project, type Role } from "../ipc";
import { app } from "./app.svelte";
import { Task } from "./task.svelte";

export const startingPractice = new Task(async () => {
  const connection = await ipc.startPractice();
  await app.refresh();
  return connection;
});

export const startingBadDay = new Task(async (): Promise<BadDay> => {
  const known = await ipc.badDay();
  if (known) return known;
  return ipc.startBadDay((await practiceProject()).id);
});

export const changingRole = new Task(async (role: Role) => {
  const connection = await ipc.practiceAs(role);
  await app.refresh();
  return connection;
});

/** Opens the practice platform at the backups of its demo project. Somebody who has gone on meanwhile is not called back. */
export async function openPractice() {
  const { page } = app.route;
  if (!(await startingPractice.run()) || app.route.page !== page) return;
  const project = demoProject(startingPractice.value?.id ?? "");
  if (project) app.openProject(project);
}

/** Asked for when Holdfast was started. A run that waits to be finished comes first, and so does any page opened meanwhile. */
export async function openPracticeIfAsked() {
  if (!(await ipc.opensWithPractice())) return;
  if (!(await startingPractice.run())) return;
  if (app.route.page !== "welcome" || app.unfinishedRuns.length > 0) return;
  const project = demoProject(startingPractice.value?.id ?? "");
  if (project) app.openProject(project);
}

export async function startBadDay() {
  const { page } = app.route;
  if (!(await startingPractice.run())) return;
  if (!(await startingBadDay.run())) return;
  await app.refreshBadDay();
  if (app.route.page === page) app.go({ page: "bad-day" });
}

/** Looks at the practice platform as the owner or as a collaborator; the open page is loaded again. */
export async function practiceAs(role: Role) {
  const before = app.route;
  if (!(await changingRole.run(role))) return;
  const connection = changingRole.value;
  if (!connection) return;
  const here = app.route;
  if (here !== before && !("side" in here)) return;
  const open = "side" in here ? here.side.project : null;
  const projects = app.projects[connection.id] ?? [];
  const project = projects.find((item) => item.id === open) ?? demoProject(connection.id);
  if (here.page === "main-database" && project) {
    app.go({ page: "main-database", side: { connection: connection.id, project: project.id } });
  } else if (project) {
    app.openProject(project);
  }
}

async function practiceProject(): Promise<Project> {
  const project = demoProject(startingPractice.value?.id ?? "");
  if (!project) throw new Error("The practice platform has no demo project.");
  return project;
}

function demoProject(connection: string): Project | null {
  return app.projects[connection]?.find((project) => project.restored_from === null) ?? null;
}
