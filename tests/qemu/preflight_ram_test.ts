import { assertMatch } from "@std/assert";
import { partsOfRemedy } from "../../lib/cli/wording/refusals.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import {
  assertNothingElse,
  assertRefuses,
  preflightOf,
} from "./preflight_of.ts";

const builds = await qemuBuilds();

/** A machine that has `backend` as its RAM, in place of the usual. */
function startOn(
  backend: string,
  ...more: readonly string[]
): Promise<VirtualMachine> {
  const extra = [
    ...["-object", `${backend},id=mine,size=64M`],
    ...["-machine", "memory-backend=mine", ...more],
  ];
  return VirtualMachine.start(builds.old, { ...PLAIN, extra }, "tcg");
}

/** The options of the remedy, as they are shown below it. */
function toPaste(
  checks: Awaited<ReturnType<typeof preflightOf>>,
): readonly string[] {
  return partsOfRemedy(checks.get("memory-backends")?.remedy ?? "").options;
}

for (
  const backend of [
    "memory-backend-memfd,share=off",
    "memory-backend-ram",
    "memory-backend-file,share=off,mem-path=/dev/shm",
  ]
) {
  Deno.test(`RAM of ${backend} is refused`, async () => {
    await using vm = await startOn(backend);
    const checks = await preflightOf(vm, builds.new.binary);
    assertRefuses(checks, "memory-backends", `"mine"`, "share=off");
    assertNothingElse(checks, "memory-backends");
    assertMatch(
      toPaste(checks).join("\n"),
      /^-machine q35,.*memory-backend=mine\n-object .*share=on(,|$)/,
    );
  });
}

for (const backend of ["memory-backend-ram", "memory-backend-shm"]) {
  Deno.test(`RAM of ${backend},share=on passes`, async () => {
    await using vm = await startOn(`${backend},share=on`);
    assertNothingElse(await preflightOf(vm, builds.new.binary));
  });
}

Deno.test("RAM of the firmware that is not shared is refused", async () => {
  await using vm = await startOn(
    "memory-backend-memfd",
    "-machine",
    "aux-ram-share=off",
  );
  const checks = await preflightOf(vm, builds.new.binary);
  assertRefuses(checks, "memory-backends", "aux-ram-share=off");
  assertNothingElse(checks, "memory-backends");
  assertMatch(toPaste(checks).join("\n"), /^-machine q35,\S+$/);
});

Deno.test("RAM in a file passes while the file has its name", async () => {
  const folder = await Deno.makeTempDir({ dir: "/dev/shm" });
  try {
    const file = `${folder}/ram`;
    await using vm = await startOn(
      `memory-backend-file,share=on,mem-path=${file}`,
    );
    assertNothingElse(await preflightOf(vm, builds.new.binary));
    await Deno.rename(file, `${file}.moved`);
    assertRefuses(
      await preflightOf(vm, builds.new.binary),
      "memory-backends",
      `"mine"`,
      `"${file}"`,
    );
    await Deno.copyFile(`${file}.moved`, file);
    assertRefuses(
      await preflightOf(vm, builds.new.binary),
      "memory-backends",
      `"mine"`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("RAM in a file without a name is refused, although QEMU accepts it", async () => {
  await using vm = await startOn(
    "memory-backend-file,share=on,mem-path=/dev/shm",
  );
  const checks = await preflightOf(vm, builds.new.binary);
  assertRefuses(checks, "memory-backends", `"mine"`, `"/dev/shm"`);
  assertNothingElse(checks, "memory-backends");
});
