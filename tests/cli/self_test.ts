import { assertEquals, assertMatch } from "@std/assert";
import { type Host, selfCommand, selfForm } from "../../lib/cli/self.ts";

const host: Host = {
  standalone: false,
  execPath: "/cache/deno",
  built: false,
  selfPath: undefined,
};

Deno.test("a compiled program is its own Deno", () => {
  const compiled = {
    ...host,
    standalone: true,
    execPath: "/usr/bin/cprctl",
    built: true,
  };
  assertEquals(selfForm(compiled), "compiled");
  assertEquals(selfCommand(compiled), ["/usr/bin/cprctl"]);
});

Deno.test("a portable program was told its path", () => {
  const portable = { ...host, built: true, selfPath: "/opt/cprctl" };
  assertEquals(selfForm(portable), "portable");
  assertEquals(selfCommand(portable), ["/opt/cprctl"]);
});

Deno.test("the source does not take another's path for its own", () => {
  const told = { ...host, selfPath: "/opt/cprctl" };
  assertEquals(selfForm(told), "source");
  assertEquals(selfCommand(told)[0], "/cache/deno");
});

Deno.test("the source starts again from anywhere", async () => {
  assertEquals(selfForm(host), "source");
  const [deno = "", ...words] = selfCommand();
  const { stdout, code } = await new Deno.Command(deno, {
    args: [...words, "version"],
    cwd: "/",
    env: { CPRCTL_SELF: "/opt/cprctl" },
    signal: AbortSignal.timeout(30_000),
  }).output();
  assertEquals(code, 0);
  assertMatch(new TextDecoder().decode(stdout), /^cprctl \d+\.\d+\.\d+\n$/);
});
