import {
  assertEquals,
  assertLessOrEqual,
  assertStringIncludes,
} from "@std/assert";
import { unicodeWidth } from "@std/cli";
import { renderList } from "../../../lib/cli/terminal/list.ts";
import type {
  HostList,
  ListedVm,
  ListRequest,
} from "../../../lib/update/host/list.ts";
import { PLAIN } from "../../../testing/program/captured.ts";
import { runHere } from "../run_here.ts";

const GUEST: ListedVm = {
  pid: 4711,
  name: "guest0",
  program: "QEMU",
  version: "11.1.2",
  status: "running",
  binary: "/usr/bin/qemu-system-x86_64",
  binary_state: "same",
  replaced_libraries: [],
  due: false,
  qmp: "/run/vm/guest0.qmp",
  domain: null,
  updatable: true,
  obstacle: null,
  obstacle_code: null,
};

const HOST: HostList = {
  schema: 1,
  vms: [
    GUEST,
    { ...GUEST, pid: 812, name: "a", binary_state: "replaced", due: true },
    {
      ...GUEST,
      pid: 81234,
      status: "paused",
      binary_state: "deleted",
      due: true,
    },
    {
      ...GUEST,
      pid: 813,
      name: "b",
      replaced_libraries: ["/lib/libslirp.so.0", "/lib/libz.so.1"],
      due: true,
    },
    {
      ...GUEST,
      pid: 9000,
      name: "guest3",
      version: null,
      status: null,
      updatable: false,
      obstacle: "another client is connected to its monitor",
    },
    {
      ...GUEST,
      pid: 9001,
      name: null,
      qmp: null,
      domain: null,
      version: null,
      status: null,
      updatable: false,
      obstacle: "it has no QMP socket",
    },
  ],
  unreadable: 2,
  skipped: [],
};

Deno.test("one line a VM", async (t) => {
  const narrow = renderList(HOST, PLAIN);
  for (const line of narrow.split("\n")) {
    assertLessOrEqual(line.length, PLAIN.width, line);
  }
  await t.assertSnapshot(narrow);
  await t.assertSnapshot(renderList(HOST, { ...PLAIN, width: 100 }));
  await t.assertSnapshot(
    renderList({ ...HOST, vms: [], unreadable: 1 }, PLAIN),
  );
});

Deno.test("only outdated VMs are listed for hooks", async () => {
  const requests: ListRequest[] = [];
  const list = (host: HostList, ...words: string[]) =>
    runHere(["list", "--outdated", ...words], {
      listVms: (request) => {
        requests.push(request);
        return Promise.resolve(host);
      },
    });
  const some = await list(HOST);
  assertEquals(some.code, 3);
  const rows = some.stdout.split("\n").filter((it) => /^ *\d+ {2}/.test(it));
  assertEquals(rows.map((it) => Number.parseInt(it)), [812, 81234, 813]);
  assertEquals(requests, [{ asksMonitors: false }]);
  const json = JSON.parse((await list(HOST, "--json")).stdout);
  assertEquals(json.vms.length, 3);
  const none = await list({ ...HOST, vms: [GUEST] });
  assertEquals([none.code, none.stdout], [0, ""]);
});

Deno.test("names of any script stand in columns", () => {
  const names = ["guest0", "数据库一号", "cafe\u0301", "🐧-1", "ﾃﾞｰﾀ"];
  const vms = names.map((name) => ({ ...GUEST, name }));
  const lines = renderList({ ...HOST, vms, unreadable: 0 }, PLAIN)
    .trimEnd().split("\n");
  const columns = lines.map((line) =>
    unicodeWidth(line.slice(0, line.search(/UPDATE|not due/)))
  );
  assertEquals(columns, lines.map(() => "4711  数据库一号  ".length + 5));
});

Deno.test("a guest's name cannot command the terminal", () => {
  const vms = [{ ...GUEST, name: "\u001b[2Ja", obstacle: "\u001b[2Jb" }];
  const text = renderList({ ...HOST, vms }, PLAIN);
  assertEquals(text.includes("\u001b"), false);
  assertStringIncludes(text, "\\x1b[2Ja");
});

Deno.test("the options become a request", async () => {
  const requests: ListRequest[] = [];
  const list = async (...words: string[]) => {
    const { stdout } = await runHere(["list", ...words], {
      listVms: (request) => {
        requests.push(request);
        return Promise.resolve(HOST);
      },
    });
    return stdout;
  };
  assertEquals(await list(), renderList(HOST, PLAIN));
  assertEquals(await list("--no-qmp"), renderList(HOST, PLAIN));
  assertEquals(requests.map((it) => it.asksMonitors), [true, false]);
  assertEquals(JSON.parse(await list("--json")), HOST);
});
