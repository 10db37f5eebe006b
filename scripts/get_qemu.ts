/**
 * Fetches the two builds of QEMU for `deno task test:qemu` and `deno task
 * bench`. Needs a Debian machine, no root.
 *
 * @module
 */

import { type QemuBuild, qemuBuilds } from "../testing/qemu/builds/builds.ts";

function show(name: string, build: QemuBuild): string {
  const from = build.package && ` (${build.package})`;
  return `${name}  ${build.version}${from}  ${build.binary}`;
}

if (import.meta.main) {
  const started = performance.now();
  try {
    const builds = await qemuBuilds(console.log);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`Both builds are here after ${seconds} s`);
    console.log(show("old", builds.old));
    console.log(show("new", builds.new));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(
      "CPRCTL_QEMU_OLD and CPRCTL_QEMU_NEW name your own builds instead",
    );
    Deno.exit(1);
  }
}
