/** Disk images for tests. */

import { run } from "../../testing/qemu/builds/child.ts";
import { type QemuBuild, toolOf } from "../../testing/qemu/builds/builds.ts";

const TIMEOUT_MS = 20_000;

/** Makes an image of 4 MiB that holds nothing; returns its path. */
export async function makeImage(
  build: QemuBuild,
  path: string,
  format: "raw" | "qcow2" = path.endsWith(".qcow2") ? "qcow2" : "raw",
): Promise<string> {
  const tool = toolOf(build, "qemu-img");
  await run([tool, "create", "-q", "-f", format, path, "4M"], {
    timeoutMs: TIMEOUT_MS,
  });
  return path;
}
