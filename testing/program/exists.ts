import { ifThereSync } from "../../lib/gone.ts";

/** Whether anything is at a path, a link to nothing included. */
export function exists(path: string | URL): boolean {
  return ifThereSync(() => Deno.lstatSync(path)) !== undefined;
}
