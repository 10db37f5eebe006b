import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { expandConfigFiles } from "../../../lib/update/command/config_file.ts";
import { exists } from "../../../testing/program/exists.ts";
import { until } from "../../../testing/program/until.ts";
import { RefusedError } from "../../../lib/update/error.ts";

const PATIENCE_MS = 20_000;
const FILE = '[device "d"]\ndriver = "e1000"\n';
const WORDS = ["-device", "driver=e1000,id=d"];

/** A process that was started after what is in its folder. */
async function withProcess(
  make: (folder: string) => Promise<void>,
  run: (argv: (path: string) => Promise<string[]>) => Promise<void>,
  user?: number,
  before: readonly string[] = [],
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-config-" });
  await Deno.chmod(folder, 0o755);
  await make(folder);
  await using stack = new AsyncDisposableStack();
  const [program = "", ...args] = [...before, "sleep", "60"];
  const child = new Deno.Command(program, {
    args,
    cwd: folder,
    ...user === undefined ? {} : { uid: user, gid: user },
  }).spawn();
  stack.defer(async () => {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  });
  await until("it sleeps", PATIENCE_MS, async () => {
    const name = await Deno.readTextFile(`/proc/${child.pid}/comm`);
    return name === "sleep\n";
  });
  await run(async (path) => {
    const argv = ["qemu", "-S", "-readconfig", path, "-usb"];
    const vm = { pid: child.pid, program: "QEMU", argv } as const;
    return [...(await expandConfigFiles(vm)).argv];
  });
}

const write = (folder: string) => Deno.writeTextFile(`${folder}/vm.conf`, FILE);

async function assertRefused(work: Promise<unknown>, why: string) {
  const error = await assertRejects(() => work, RefusedError);
  assertEquals(error.code, "readconfig");
  assertStringIncludes(error.message, why);
}

Deno.test("the options in a file take its place", async () => {
  await withProcess(
    async (folder) => {
      await write(folder);
      await Deno.symlink("vm.conf", `${folder}/link`);
    },
    async (argv) => {
      for (const path of ["vm.conf", "./link"]) {
        assertEquals(await argv(path), ["qemu", "-S", ...WORDS, "-usb"]);
      }
    },
  );
});

Deno.test("a command line that cannot be read is left as it is", async () => {
  const argv = ["qemu", "-readconfig"];
  const vm = { pid: Deno.pid, program: "QEMU", argv } as const;
  assertEquals((await expandConfigFiles(vm)).argv, argv);
});

Deno.test("only a regular file of limited size is read", async () => {
  await withProcess(
    async (folder) => {
      await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
      await Deno.mkdir(`${folder}/folder`);
      await Deno.writeTextFile(`${folder}/long`, FILE.repeat(10_000));
      await Deno.writeTextFile(`${folder}/other`, "root:x:0:0\n");
    },
    async (argv) => {
      await assertRefused(argv("fifo"), "FIFO");
      await assertRefused(argv("folder"), "directory");
      await assertRefused(argv("long"), "long");
      await assertRefused(argv("other"), "line 1");
      await assertRefused(argv("/dev/zero"), "device");
      await assertRefused(argv("gone"), "No such file");
    },
  );
});

Deno.test({
  name: "a file is read with the rights of the VM's user",
  ignore: Deno.uid() !== 0,
  fn: () =>
    withProcess(
      async (folder) => {
        await write(folder);
        await Deno.chmod(`${folder}/vm.conf`, 0o600);
      },
      (argv) => assertRefused(argv("vm.conf"), "Permission denied"),
      1000,
    ),
});

const MOUNT = `mkdir served && exec 9<>/dev/fuse &&
mount -i -t fuse -o fd=9,rootmode=40000,user_id=1000,group_id=1000 none served &&
exec "$@"`;

Deno.test({
  name: "nothing is read where a user's process serves a file system",
  ignore: Deno.uid() !== 0 || !exists("/dev/fuse"),
  fn: () =>
    withProcess(
      write,
      (argv) => assertRefused(argv("vm.conf"), "/served"),
      undefined,
      ["unshare", "--mount", "/bin/sh", "-c", MOUNT, "sh"],
    ),
});

Deno.test({
  name: "nothing is read in another user namespace",
  ignore: Deno.uid() !== 0,
  fn: () =>
    withProcess(
      write,
      (argv) => assertRefused(argv("vm.conf"), "user namespace"),
      undefined,
      ["unshare", "--user"],
    ),
});
