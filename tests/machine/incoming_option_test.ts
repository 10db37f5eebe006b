import { assertEquals, assertThrows } from "@std/assert";
import { CprctlError } from "../../lib/errors.ts";
import { readIncoming } from "../../lib/machine/incoming_option.ts";

const FILE = { transport: "file", filename: "/x", offset: 0 } as const;
const CHANNEL = `{"channel-type":"main","addr":${JSON.stringify(FILE)}}`;
const UNIX = { transport: "socket", type: "unix", path: "/y" } as const;
const CPR = `{"channel-type":"cpr","addr":${JSON.stringify(UNIX)}}`;

Deno.test("a URI, a channel, and nothing yet", () => {
  assertEquals(readIncoming([]), { main: undefined, cpr: undefined });
  assertEquals(readIncoming(["defer"]), { main: "defer", cpr: undefined });
  assertEquals(readIncoming(["file:/x"]), { main: FILE, cpr: undefined });
  assertEquals(readIncoming([CHANNEL, CPR]), { main: FILE, cpr: UNIX });
  assertEquals(readIncoming(["defer", CHANNEL]), {
    main: FILE,
    cpr: undefined,
  });
});

Deno.test("what is none of these is refused by its option", () => {
  const cases: [string, string][] = [
    ['{"a"', 'Cannot set "incoming" to "{"a"": Expected'],
    ["{}", 'Cannot set "incoming" to "{}": not a channel'],
    ['{"addr":7}', "'incoming.addr', expected: object"],
    ['{"addr":{"transport":"file"}}', "'incoming.addr.filename' is missing"],
    ["nonsense", 'Unknown migration protocol: "nonsense"'],
  ];
  for (const [text, message] of cases) {
    assertThrows(() => readIncoming([text]), CprctlError, message);
  }
});
