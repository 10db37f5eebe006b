import { assertEquals } from "@std/assert";
import { findings } from "./fake_monitor.ts";

/** Options, and the number of vCPUs that they make. */
const CASES: readonly (readonly [words: string, count: number])[] = [
  ["", 1],
  ["-smp 4", 4],
  ["-smp cpus=4,maxcpus=8", 4],
  ["-smp maxcpus=8", 8],
  ["-smp sockets=2,cores=4,threads=2", 16],
  ["-smp sockets=2,dies=3", 6],
  ["-smp 2 -smp 6", 6],
  ["-smp 1,maxcpus=2 -device host-x86_64-cpu,id=c1,socket-id=1", 2],
];

Deno.test("vCPUs that a command line makes", async () => {
  for (const [words, count] of CASES) {
    for (
      const [is, verdict] of [[count, "ok"], [count + 1, "refuse"]] as const
    ) {
      const checks = await findings(
        {
          "query-cpus-fast": Array.from({ length: is }, () => ({})),
          "qom-list": [],
        },
        words.split(" ").filter((word) => word !== ""),
      );
      assertEquals(checks.get("cpus")?.verdict, verdict, `${words}: ${is}`);
    }
  }
});
