/** The sample configuration of apt and needrestart. */

import { assertEquals } from "@std/assert";
import { exists } from "../../testing/program/exists.ts";

const FOLDER = new URL("../../scripts/apt/", import.meta.url).pathname;
const TIMEOUT_MS = 30_000;

async function run(argv: readonly string[], env = {}) {
  const [program = "", ...args] = argv;
  const { code, stdout } = await new Deno.Command(program, {
    args,
    env,
    stdin: "null",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

Deno.test("apt runs list --outdated, and does not fail by it", {
  ignore: !exists("/usr/bin/apt-config"),
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-apt-" });
  try {
    const { code, text } = await run(["apt-config", "dump"], {
      APT_CONFIG: `${FOLDER}99cprctl`,
    });
    assertEquals(code, 0);
    const hook = /^DPkg::Post-Invoke:: "(.*)";$/m.exec(text)?.[1] ?? "";
    const cprctl = `${folder}/cprctl`;
    const command = hook.replaceAll("/usr/local/bin/cprctl", cprctl);
    assertEquals((await run(["/bin/sh", "-c", command])).text, "");
    await Deno.writeTextFile(cprctl, '#!/bin/sh\necho "$@"; exit 3\n', {
      mode: 0o755,
    });
    assertEquals(await run(["/bin/sh", "-c", command]), {
      code: 0,
      text: "list --outdated\n",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("needrestart leaves VMs alone", {
  ignore: !exists("/usr/bin/perl"),
}, async () => {
  const services = ["qemu@web", "microvm@m1", "ssh"];
  const { text } = await run([
    "perl",
    "-e",
    `our %nrconf; do "${FOLDER}needrestart.conf" // die $@;
my ($re) = keys %{$nrconf{override_rc}};
print join " ", map { "$_.service" =~ /$re/ ? $nrconf{override_rc}{$re} : "-" }
  @ARGV;`,
    ...services,
  ]);
  assertEquals(text, "0 0 -");
});
