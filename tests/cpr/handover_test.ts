import { assert, assertEquals, assertThrows } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import {
  CPR_EXEC_STATE,
  CprError,
  CprRegistry,
  encodeCprState,
  type Environment,
  takeCprState,
} from "../../lib/cpr/mod.ts";
import { StreamError } from "../../lib/stream/mod.ts";
import { testWithoutLeaks as test } from "../ffi/leaks.ts";

const FIXTURE = new URL("exec_fixture.ts", import.meta.url).pathname;

async function runFixture(...command: string[]) {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", FIXTURE, "", ...command],
    signal: AbortSignal.timeout(60_000),
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(text !== "", new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

const HANDED_OVER = {
  samePid: true,
  blocks: [
    { name: "ram0", id: 0, cloexec: true, text: "contents of ram0" },
    {
      name: "virt.nvram",
      id: 1,
      cloexec: true,
      text: "contents of virt.nvram",
    },
  ],
  stateDescriptorsLeft: [],
  variable: null,
};

test("descriptors get over a real exec and are close-on-exec again", async () => {
  assertEquals(await runFixture(), HANDED_OVER);
});

test("a wrapper that passes everything on changes nothing", async () => {
  assertEquals(
    await runFixture("/bin/sh", "-c", 'exec "$@"', "sh"),
    HANDED_OVER,
  );
});

test("after a failed exec the descriptors are close-on-exec again", async () => {
  const result = await runFixture("/nonexistent/program");
  assert(result.failed.includes("ENOENT") || result.failed.includes("No such"));
  assertEquals(result.cloexec, [true, true]);
});

/** An environment that hands a memfd over, as an old process would. */
function environmentWith(bytes: Uint8Array<ArrayBuffer>): Environment {
  const memfd = createMemfd(CPR_EXEC_STATE);
  memfd.writeAll(bytes);
  return environmentOf(String(memfd.release()));
}

function environmentOf(value: string): Environment {
  const variables = new Map([[CPR_EXEC_STATE, value]]);
  return {
    get: (name) => variables.get(name),
    delete: (name) => void variables.delete(name),
    toObject: () => Object.fromEntries(variables),
  };
}

test("without the variable nothing is taken", () => {
  const environment = environmentOf("");
  environment.delete(CPR_EXEC_STATE);
  assertEquals(takeCprState(environment), undefined);
});

test("a variable that is no open descriptor is refused", () => {
  for (const value of ["", "x", "-1", "3 ", "0x3", "99999", "99999999999"]) {
    assertThrows(() => takeCprState(environmentOf(value)), CprError, value);
  }
});

test("a table is read from its start and its memfd closed", () => {
  using block = createMemfd("ram0", { size: 4096, cloexec: false });
  const bytes = encodeCprState({
    descriptors: [{ name: "ram0", id: 0, descriptor: block.number }],
  });
  const environment = environmentWith(bytes);
  const memfd = Number(environment.get(CPR_EXEC_STATE));
  const registry = takeCprState(environment);
  assertEquals(registry?.find("ram0", 0), block.number);
  assertEquals(block.cloexec, true);
  assertEquals(environment.get(CPR_EXEC_STATE), undefined);
  assertThrows(() => Fd.adopt(memfd));
});

test("a table that names what is not open is refused by name", () => {
  for (const descriptor of [-1, 9_999]) {
    const bytes = encodeCprState({
      descriptors: [{ name: "pc.bios", id: 0, descriptor }],
    });
    assertThrows(
      () => takeCprState(environmentWith(bytes)),
      CprError,
      '"pc.bios"',
    );
  }
});

test("a table that names its own memfd is refused by name", () => {
  const memfd = createMemfd(CPR_EXEC_STATE);
  const descriptor = memfd.number;
  memfd.writeAll(encodeCprState({
    descriptors: [{ name: "ram0", id: 0, descriptor }],
  }));
  const environment = environmentOf(String(memfd.release()));
  assertThrows(() => takeCprState(environment), CprError, '"ram0"');
});

test("a table that gives one descriptor to two is refused", () => {
  using block = createMemfd("ram0");
  const bytes = encodeCprState({
    descriptors: ["a", "b"].map((name) => ({
      name,
      id: 0,
      descriptor: block.number,
    })),
  });
  assertThrows(() => takeCprState(environmentWith(bytes)), CprError, '"a"');
});

test("a torn table is refused", () => {
  const bytes = encodeCprState({ descriptors: [], vfioDevices: [] });
  for (let length = 0; length < bytes.length; length++) {
    if (length === 9) continue; // whole, of a writer that knows no vfio
    assertThrows(
      () => takeCprState(environmentWith(bytes.slice(0, length))),
      StreamError,
    );
  }
});

test("the registry keeps one descriptor a name and id", () => {
  const registry = new CprRegistry();
  registry.save("vfio_group", 1, 10);
  registry.save("vfio_group", 2, 11);
  assertEquals(registry.find("vfio_group", 2), 11);
  assertThrows(() => registry.save("vfio_group", 1, 12), CprError, "already");
  assertEquals(registry.delete("vfio_group", 1), true);
  assertEquals(registry.delete("vfio_group", 1), false);
  assertEquals([...registry.walk()].map((entry) => entry.id), [2]);
});
