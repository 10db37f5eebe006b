import { Fd } from "../../ffi/fd.ts";
import { O_RDONLY } from "../../ffi/open_flags.ts";

/** The files that a process has mapped: its program and its libraries. */
export async function mappedFiles(pid: number): Promise<string[]> {
  const maps = await Deno.readTextFile(`/proc/${pid}/maps`);
  const paths = [...maps.matchAll(/ (\/\S+)$/gm)].map(([, path = ""]) => path);
  return [...new Set(paths)].filter((path) => isFile(path));
}

function isFile(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false; // a memfd
    throw error;
  }
}

/** Makes files cold; pages that some process has mapped stay. */
export function dropFromCache(paths: readonly string[]): void {
  for (const path of paths) {
    using file = Fd.open(path, O_RDONLY);
    file.dontNeed();
  }
}
