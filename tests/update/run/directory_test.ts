import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDONLY } from "../../../ffi/open_flags.ts";
import { RunDirectory } from "../../../lib/update/run/directory.ts";
import { factsOf } from "../command/vm.ts";
import { withRunDirectory } from "../run_base.ts";

const NOBODY = { uid: 65534, gid: 65534 };
const AS_NOBODY = [
  ...["setpriv", `--reuid=${NOBODY.uid}`, `--regid=${NOBODY.gid}`],
  "--clear-groups",
];

/** A process of another user's, as a VM's is. */
async function stranger(wrapper: readonly string[] = []) {
  const [file = "", ...args] = [...wrapper, ...AS_NOBODY];
  const child = new Deno.Command(file, {
    args: [...args, "sh", "-c", "echo; read _"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    facts: factsOf([], { pid: child.pid, owner: NOBODY }),
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
    },
  };
}

function mountsBelow(path: string): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .filter((line) => line.includes(path));
}

async function runAsNobody(...words: string[]) {
  const [file = "", ...args] = [...AS_NOBODY, ...words];
  const { success, stderr } = await new Deno.Command(file, { args }).output();
  return { success, said: new TextDecoder().decode(stderr) };
}

const options = { ignore: Deno.uid() !== 0 };

Deno.test(
  "a VM's user cannot fill what the run directory is in",
  options,
  async () => {
    await using base = await withRunDirectory();
    await Deno.chmod(base.path, 0o711);
    await using vm = await stranger();
    let state: Fd;
    {
      await using directory = await RunDirectory.create(vm.facts);
      const { stateFile } = directory;
      assertNotEquals(
        Deno.statSync(stateFile).dev,
        Deno.statSync(base.path).dev,
      );
      const filled = await runAsNobody(
        ...["dd", "if=/dev/zero", `of=${stateFile}`, "bs=1M", "count=200"],
      );
      assert(!filled.success);
      assert(filled.said.includes("No space left"), filled.said);
      assert(Deno.statSync(stateFile).size <= 68 * 1024 ** 2);
      const folder = stateFile.replace(/[^/]*$/, "");
      assert(!(await runAsNobody("touch", `${folder}other`)).success);
      // As the VM's user may, for as long as they like.
      state = Fd.open(stateFile, O_RDONLY);
    }
    using _held = state;
    assertEquals([...Deno.readDirSync(base.path)], []);
    assertEquals(mountsBelow(base.path), []);
  },
);

Deno.test(
  "a VM that sees no new mounts has its state in the run directory",
  options,
  async () => {
    await using base = await withRunDirectory();
    await using vm = await stranger([
      ...["unshare", "--mount", "--propagation", "private"],
    ]);
    await using directory = await RunDirectory.create(vm.facts);
    const { dev, uid } = Deno.statSync(directory.stateFile);
    assertEquals([dev, uid], [Deno.statSync(base.path).dev, NOBODY.uid]);
    assertEquals(mountsBelow(base.path), []);
  },
);

Deno.test(
  "a directory that was left is removed with its mount",
  options,
  async () => {
    await using base = await withRunDirectory();
    await using vm = await stranger();
    {
      await using directory = await RunDirectory.create(vm.facts);
      directory.leave();
    }
    assertEquals(mountsBelow(base.path).length, 1);
    for await (const left of RunDirectory.list()) {
      await left[Symbol.asyncDispose]();
    }
    assertEquals(mountsBelow(base.path), []);
    assertEquals([...Deno.readDirSync(base.path)], []);
  },
);
