import { assertEquals } from "@std/assert";
import {
  controlPath,
  endsWithItsClient,
} from "../../../lib/update/process/swtpm.ts";

const SOCKET = ["swtpm", "socket", "--tpm2"];

Deno.test("the control socket is found in every notation", () => {
  const value = "type=unixio,path=/run/tpm.sock,mode=0600";
  assertEquals(controlPath([...SOCKET, "--ctrl", value]), "/run/tpm.sock");
  assertEquals(controlPath([...SOCKET, `--ctrl=${value}`]), "/run/tpm.sock");
  assertEquals(
    controlPath([...SOCKET, "--ctrl", "type=tcp,port=1"]),
    undefined,
  );
  assertEquals(controlPath([...SOCKET, "--ctrl"]), undefined);
  assertEquals(controlPath(SOCKET), undefined);
});

Deno.test("a swtpm that ends with its client is recognized", () => {
  for (const word of ["--terminate", "--term", "--te", "-t", "-dt"]) {
    assertEquals(endsWithItsClient([...SOCKET, word, "-d"]), true, word);
  }
  const others = ["--tpmstate", "dir=/t", "--daemon", "-d", "--tpm2", "-tx"];
  assertEquals(endsWithItsClient([...SOCKET, ...others]), false);
});
