import type { QemuBuild } from "../../../testing/qemu/builds/builds.ts";

/** Answers every question, and ends where it is to take a VM over. */
export async function programThatDies(
  folder: string,
  build: QemuBuild,
): Promise<string> {
  const path = `${folder}/dies`;
  const script = `#!/bin/sh
case "$*" in *"-incoming defer") exit 3 ;; esac
exec "${build.binary}" "$@"
`;
  await Deno.writeTextFile(path, script, { mode: 0o755 });
  return path;
}
