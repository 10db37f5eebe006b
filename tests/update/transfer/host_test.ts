/** What is done at paths that the VM's user, or another one, can write to. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { PidFd } from "../../../ffi/process.ts";
import { UnixListener } from "../../../ffi/socket.ts";
import { UpdateProblem } from "../../../lib/update/error.ts";
import {
  appears,
  moveFiles,
  removeFiles,
} from "../../../lib/update/transfer/host.ts";

const USER = {
  uid: Deno.uid() ?? 0,
  gid: Deno.gid() ?? 0,
  groups: [],
};
const OTHER = { ...USER, uid: USER.uid + 1 };
const TIMEOUT_MS = 5_000;

Deno.test("RAM is handed over only at a socket of the VM's user", async () => {
  using process = PidFd.open(Deno.pid);
  const folder = Deno.makeTempDirSync();
  try {
    using _listener = UnixListener.listen(`${folder}/socket`, 1, 0o600);
    await appears(`${folder}/socket`, process, USER, TIMEOUT_MS);
    Deno.symlinkSync(`${folder}/socket`, `${folder}/link`);
    for (
      const [name, user] of [["socket", OTHER], ["link", USER]] as const
    ) {
      await assertRejects(
        () => appears(`${folder}/${name}`, process, user, TIMEOUT_MS),
        UpdateProblem,
        "is not a socket of the VM's user",
      );
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a path that cannot be removed is reported", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/full/of`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/file`, "");
    const paths = ["file", "full", "absent"].map((it) => `${folder}/${it}`);
    const [kept, ...more] = removeFiles(paths, USER);
    assertMatch(kept ?? "", /full" is in the way: .*not empty.*; remove it$/);
    assertEquals(more, []);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [
      "full",
    ]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a path does nothing in the command that would move it", () => {
  const from = "/nowhere/$(reboot)";
  const [problem] = moveFiles([{ from, to: "/nowhere/a" }], USER);
  assertMatch(
    problem ?? "",
    /; run mv '\/nowhere\/\$\(reboot\)' \/nowhere\/a$/,
  );
});
