/** What /proc tells of processes that may end at any moment, also between the opening of a file and its reading: that is ESRCH. */

/** The text of a file of /proc; `undefined` when the process or thread has ended. */
export function procText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (hasEnded(error)) return undefined;
    throw error;
  }
}

/** Whether a process is there, a zombie not counted. */
export function isThere(pid: number): boolean {
  const status = procText(`/proc/${pid}/status`) ?? "";
  return status !== "" && !/^State:\s+[ZX]/m.test(status);
}

/** The children of this process, of all its threads, zombies counted. */
export function childrenOfThisProcess(): string[] {
  return [...Deno.readDirSync("/proc/self/task")].flatMap(({ name }) => {
    return (procText(`/proc/self/task/${name}/children`) ?? "").split(" ").filter(Boolean);
  });
}

/** Whether an error says that a process or thread has ended. Deno has no class for ESRCH. */
export function hasEnded(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error instanceof Deno.errors.NotFound || "code" in error && error.code === "ESRCH" ||
    error.message.includes("(os error 3)");
}
