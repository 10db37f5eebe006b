import { assertEquals } from "@std/assert";
import { openModules } from "../../../lib/update/process/modules.ts";

const PROGRAM = new URL("programs/map_files.ts", import.meta.url).pathname;
const NOBODY = { uid: 65534, gid: 65534, groups: [] };

Deno.test({
  name: "a module that the VM's user may not read is not opened for it",
  ignore: Deno.uid() !== 0,
  async fn() {
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o755);
    const [open, secret] = ["hw-open.so", "hw-secret.so"]
      .map((name) => `${folder}/${name}`) as [string, string];
    await Deno.writeTextFile(open, "open", { mode: 0o644 });
    await Deno.writeTextFile(secret, "secret", { mode: 0o600 });
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", PROGRAM, open, secret],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    try {
      await reader.read();
      const modules = await openModules(child.pid, NOBODY);
      for (const { file } of modules) file.close();
      assertEquals(modules.map(({ path }) => path), [open]);
    } finally {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});
