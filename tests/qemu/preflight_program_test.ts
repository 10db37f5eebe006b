import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import {
  assertNothingElse,
  assertRefuses,
  preflightOf,
} from "./preflight_of.ts";

const builds = await qemuBuilds();
const NEW = builds.new.binary;

/** A program for the VM to move to, and what is said of it. */
interface Program {
  readonly name: string;
  /** Its bytes; a text is a script. */
  readonly content: string | Uint8Array<ArrayBuffer>;
  readonly mode?: number;
  readonly refused?: readonly [id: string, ...names: string[]];
}

/** The header of another machine's executable. */
async function foreign(): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = (await Deno.readFile(NEW)).slice(0, 4096);
  bytes[18] = 0xb7; // AArch64
  return bytes;
}

/** A QEMU that does not have something. */
function without(option: string, thing: string): string {
  return `#!/bin/sh\ncase "$*" in
"-${option} help") "${NEW}" -${option} help | grep -v '${thing}' ;;
*) exec "${NEW}" "$@" ;;
esac\n`;
}

const PROGRAMS: readonly Program[] = [
  { name: "a wrapper", content: `#!/bin/sh\nexec "${NEW}" "$@"\n` },
  {
    name: "garbage",
    content: "\x00\x01garbage(\n",
    refused: ["new-binary", "neither ELF nor a script"],
  },
  {
    name: "an empty file",
    content: "",
    refused: ["new-binary", "neither ELF nor a script"],
  },
  {
    name: "a file without x bit",
    content: "#!/bin/sh\n",
    mode: 0o644,
    refused: ["new-binary", "not an executable file"],
  },
  {
    name: "a script without interpreter",
    content: "#!/nonexistent/sh\n",
    refused: ["new-binary", `"/nonexistent/sh"`],
  },
  {
    name: "another machine's program",
    content: await foreign(),
    refused: ["new-binary", "another machine"],
  },
  {
    name: "a program that is no QEMU",
    content: "#!/bin/sh\necho hello\n",
    refused: ["new-program", "is not a QEMU"],
  },
  {
    name: "a program that fails",
    content: "#!/bin/sh\nexit 3\n",
    refused: ["new-program", "code 3"],
  },
  {
    name: "a program that prints without end",
    content: "#!/bin/sh\nexec yes\n",
    refused: ["new-program", "prints without end"],
  },
  {
    name: "a QEMU without cpr-exec",
    content: "#!/bin/sh\necho 'QEMU emulator version 10.1.5 (Debian)'\n",
    refused: ["new-program", "does not support cpr-exec", "10.1.5"],
  },
  {
    name: "a QEMU that crashes with its modules",
    content: `#!/bin/sh\ncase "$*" in
"-device help") kill -SEGV $$ ;;
*) exec "${NEW}" "$@" ;;
esac\n`,
    refused: ["new-devices", "SIGSEGV"],
  },
  {
    name: "a QEMU without the machine",
    content: without("machine", "q35"),
    refused: ["new-machine", `"pc-q35-`],
  },
  {
    name: "a QEMU without the disk",
    content: without("device", "virtio-blk"),
    refused: ["new-devices", `"virtio-blk-pci"`],
  },
  {
    name: "a QEMU of another target",
    content: without("device", "x86_64-cpu"),
    refused: ["new-devices", `"qemu64-x86_64-cpu"`],
  },
  {
    name: "a QEMU without the memory backend",
    content: without("object", "memfd"),
    refused: ["new-devices", `"memory-backend-memfd"`],
  },
  {
    name: "a QEMU without the accelerator",
    content: without("accel", "tcg"),
    refused: ["new-accelerator", `"tcg"`],
  },
];

Deno.test("programs to move to", async (t) => {
  await using vm = await VirtualMachine.start(builds.old, PLAIN, "tcg");
  for (const { name, content, mode = 0o755, refused } of PROGRAMS) {
    await t.step(name, async () => {
      const path = `${vm.folder}/${name}`;
      await (typeof content === "string"
        ? Deno.writeTextFile(path, content)
        : Deno.writeFile(path, content));
      await Deno.chmod(path, mode);
      const checks = await preflightOf(vm, path);
      if (refused === undefined) return assertNothingElse(checks);
      assertRefuses(checks, ...refused);
      if (refused[0] !== "new-program" && refused[0] !== "new-binary") {
        assertNothingElse(checks, refused[0]);
      }
    });
  }
  const refusal = async (path: string, ...names: string[]) => {
    assertRefuses(await preflightOf(vm, path), "new-binary", ...names);
  };
  await t.step(
    "nothing at the path",
    () => refusal("/nonexistent/qemu", `"/nonexistent/qemu" does not exist`),
  );
  await t.step("a folder", () => refusal(vm.folder, "not an executable file"));
  await t.step("a relative path", () => refusal("qemu", "not an absolute"));
  await t.step("the old program itself", async () => {
    assertNothingElse(await preflightOf(vm, builds.old.binary));
  });
});
