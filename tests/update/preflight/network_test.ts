import { assertEquals, assertStringIncludes } from "@std/assert";
import { findings } from "./fake_monitor.ts";

const PRINTED = `Hub -1 (n0):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[HOST_FORWARD]  17       127.0.0.1 39021       10.0.2.15    22     0     0
  UDP[HOST_FORWARD]  16               * 39022       10.0.2.16    53     0     0
  TCP[ESTABLISHED]   18       10.0.2.15 40000         1.2.3.4    80     0     0
`;

/** What is said of a VM that was started with these forwarded ports. */
async function finding(...forwards: readonly string[]) {
  const keys = forwards.map((it) => `,hostfwd=${it}`).join("");
  const checks = await findings(
    {
      "human-monitor-command": (args) =>
        args["command-line"] === "info usernet" ? PRINTED : "",
    },
    ["-netdev", `user,id=n0${keys}`],
  );
  const check = checks.get("host-forwards");
  return { verdict: check?.verdict, detail: check?.detail ?? "" };
}

const TCP = "tcp:127.0.0.1:39021-:22";

Deno.test("ports that are forwarded as on the command line pass", async () => {
  const { verdict, detail } = await finding(TCP, "udp::39022-10.0.2.16:53");
  assertEquals(verdict, "ok", detail);
});

Deno.test("a port that replaced another one is named", async () => {
  const { verdict, detail } = await finding(TCP, "udp::39029-:53");
  assertEquals(verdict, "warn");
  assertStringIncludes(detail, `"udp::39022-:53"`);
});

Deno.test("ports of which one is not known are counted", async () => {
  assertEquals((await finding(TCP, "udp::0-:53")).verdict, "ok");
  assertEquals((await finding(TCP)).verdict, "warn");
});
