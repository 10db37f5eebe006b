import { assertEquals } from "@std/assert";
import { shellWords } from "../../../lib/update/command/draft.ts";
import { sealed } from "../../../lib/update/report/sealed.ts";

Deno.test("a report has no secrets and no endless texts", () => {
  const error = {
    code: "rolled-back",
    message: "The new program ended: qemu: -spice port=1,password=hunter2: no",
    qemu: `{"qom-type": "secret", "data": "hunter2"}`,
  };
  assertEquals(sealed({ error, warnings: ["x".repeat(100_000)] }), {
    error: {
      code: "rolled-back",
      message:
        "The new program ended: qemu: -spice port=1,password=REDACTED: no",
      qemu: `{"qom-type": "secret", "data": "REDACTED"}`,
    },
    warnings: ["x".repeat(4095) + "…"],
  });
});

Deno.test("a changed command line is shown without its secrets", () => {
  assertEquals(
    shellWords(["-object", "secret,id=s0,data=it's hunter2", "-m", "1G"]),
    "-object secret,id=s0,data=REDACTED -m 1G",
  );
});
