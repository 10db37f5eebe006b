import { identityAt } from "../../../lib/proc/file_identity.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ifThere } from "../../../lib/gone.ts";
import type { Check } from "../../../lib/update/preflight/check.ts";
import {
  dumpText,
  field,
  type Member,
  vmsd,
} from "../../inspect/compat/dumps.ts";
import { findings } from "./fake_monitor.ts";
import { findingsAfter } from "./other_process.ts";

const TREE = [
  "/machine (box-1.0-machine)",
  "  /unattached (container)",
  "    /device[0] (uart)",
].join("\r\n");

const LEVEL = field("level");
const OLD = { uart: vmsd("uart", [LEVEL]), rtc: vmsd("rtc", [LEVEL]) };

/** A program that says that it is a QEMU, and counts its dumps. */
function program(types: Readonly<Record<string, Member>>): string {
  return `#!/bin/sh
case "$*" in
-version) echo "QEMU emulator version 11.1.2" ;;
*-dump-vmstate*) echo x >> "$0.log"; cat > "$4" <<'END'
${dumpText(types)}
END
;;
*) exit 1 ;;
esac
`;
}

/** What a VM with a uart is told of moving from one program to the other. */
async function compat(
  texts: readonly [old: string, next: string],
  { tree = TREE, times = 1 } = {},
): Promise<{ check: Check | undefined; dumps: number[] }> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    const [old, binary] = [`${folder}/old`, `${folder}/new`];
    await Deno.writeTextFile(old, texts[0], { mode: 0o755 });
    await Deno.writeTextFile(binary, texts[1], { mode: 0o755 });
    const executable = { path: old, replaced: false, ...identityAt(old) };
    let check: Check | undefined;
    for (let time = 0; time < times; time++) {
      const checks = await findings(
        { "human-monitor-command": tree, "qom-list": [] },
        [],
        { program: "QEMU", executable, binary, inSandbox: true },
      );
      check = checks.get("compat");
    }
    return {
      check,
      dumps: await Promise.all([old, binary].map(linesOfLog)),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function linesOfLog(path: string): Promise<number> {
  const text = await ifThere(Deno.readTextFile(`${path}.log`)) ?? "";
  return text.split("\n").length - 1;
}

async function verdict(
  next: Readonly<Record<string, Member>>,
): Promise<readonly [string | undefined, string]> {
  const { check } = await compat([program(OLD), program(next)]);
  return [check?.verdict, check?.detail ?? ""];
}

Deno.test("compat: the same state is loaded, and asked for once", async () => {
  const programs = [program(OLD), program(OLD)] as const;
  const { check, dumps } = await compat(programs, { times: 3 });
  assertEquals(check?.verdict, "ok", check?.detail);
  assertEquals(dumps, [1, 1]);
});

// A dump has no device that registers its state by hand: the check
// "new-devices" says whether the program has the type.
Deno.test("compat: a type that the new program's dump lacks proves nothing", async () => {
  assertEquals((await verdict({ rtc: OLD.rtc }))[0], "ok");
});

Deno.test("compat: what QEMU refuses is refused", async () => {
  const older = vmsd("uart", [LEVEL], { version_id: 0 });
  assertEquals((await verdict({ ...OLD, uart: older }))[0], "refuse");
});

Deno.test("compat: what the dumps cannot prove is a warning", async () => {
  const [other, detail] = await verdict({
    ...OLD,
    uart: vmsd("uart", [LEVEL, field("mask")]),
  });
  assertEquals(other, "warn");
  assertStringIncludes(detail, `"mask" of "uart": it is not sent`);
});

Deno.test("compat: devices that the VM does not have do not count", async () => {
  assertEquals((await verdict({ uart: OLD.uart }))[0], "ok");
});

Deno.test("compat: without a dump the check is skipped", async () => {
  const failing = `#!/bin/sh
[ "$1" = -version ] && exec echo "QEMU emulator version 11.1.2"
echo "no dump today" >&2; exit 1\n`;
  for (
    const programs of [
      [failing, program(OLD)],
      [program(OLD), failing],
    ] as const
  ) {
    const { check } = await compat(programs);
    assertEquals(check?.verdict, "skipped");
    assertStringIncludes(check?.detail ?? "", "no dump today");
  }
});

Deno.test("compat: a program that is not QEMU is not asked", async () => {
  const { check, dumps } = await compat([
    program(OLD),
    "#!/bin/sh\necho hello\n",
  ]);
  assertEquals([check?.verdict, dumps], ["skipped", [0, 0]]);
});

Deno.test("compat: a VM that does not report its types is skipped", async () => {
  const { check } = await compat([program(OLD), program({})], { tree: "" });
  assertEquals(check?.verdict, "skipped");
  assertStringIncludes(check?.detail ?? "", "does not report its types");
});

/** Makes a process that has a file open whose name is that of a device. */
const HAS_GROUP = "mount -t tmpfs none /dev && mkdir /dev/vfio && " +
  "exec sh -c 'echo; read _' 7>/dev/vfio/12";

Deno.test({
  name: "a VM that has devices of the host is refused",
  ignore: Deno.uid() !== 0,
  async fn() {
    const wrapper = ["unshare", "--mount", "sh", "-c", HAS_GROUP];
    const checks = await findingsAfter(wrapper, []);
    assertEquals(checks.get("vfio")?.verdict, "refuse");
  },
});

Deno.test("a VM that has none passes", async () => {
  const checks = await findingsAfter(["env"]);
  assertEquals(checks.get("vfio")?.verdict, "ok");
});
