import { assertEquals } from "@std/assert";
import {
  fateOf,
  lastingGroups,
  placeOf,
} from "../../../lib/update/process/service.ts";

Deno.test("a service is found in the path of a group", () => {
  const place = (path: string) => {
    const { name, user } = placeOf({ "": path }) ?? {};
    return [name, user];
  };
  assertEquals(place("/system.slice/system-qemu.slice/qemu@a.service"), [
    "qemu@a.service",
    undefined,
  ]);
  assertEquals(place("/system.slice/pool.service/vm/threads"), [
    "pool.service",
    undefined,
  ]);
  assertEquals(
    place("/user.slice/user-7.slice/user@7.service/app.slice/vm.service"),
    ["vm.service", "7"],
  );
  assertEquals(place("/machine.slice/machine-a.scope"), [undefined, undefined]);
  assertEquals(
    placeOf({ cpu: "/", "name=systemd": "/a.service" })?.path,
    "/a.service",
  );
  assertEquals(placeOf({}), undefined);
});

Deno.test("the fate of a service when its process is killed", () => {
  const path = "/system.slice/vm.service";
  const usual = {
    ControlGroup: path,
    MainPID: "7",
    ExitType: "main",
    Restart: "no",
  };
  const fate = (said: Record<string, string>) =>
    fateOf(new Map(Object.entries({ ...usual, ...said })), { path }, 7);
  assertEquals(fate({}), "ends");
  assertEquals(fate({ Restart: "on-success" }), "ends");
  assertEquals(fate({ Restart: "on-failure" }), "restarts");
  assertEquals(fate({ Restart: "always", ExitType: "cgroup" }), "stays");
  assertEquals(fate({ Restart: "always", MainPID: "6" }), "stays");
  assertEquals(fate({ ControlGroup: "/other" }), "unknown");
  assertEquals(fate({ ControlGroup: "" }), "unknown");
  // Before systemd 250 there was no ExitType.
  assertEquals(
    fateOf(
      new Map([["ControlGroup", path], ["MainPID", "7"], ["Restart", "no"]]),
      { path },
      7,
    ),
    "ends",
  );
});

Deno.test("only groups below a service end with it", () => {
  const groups = { "": "/a", "name=systemd": "/a", pids: "/a", memory: "/b" };
  const left = (fate: "stays" | "ends" | "unknown") =>
    lastingGroups({ service: { name: "a.service", fate } }, groups);
  assertEquals(left("stays"), groups);
  assertEquals(left("ends"), { pids: "/a", memory: "/b" });
  assertEquals(left("unknown"), left("ends"));
  assertEquals(lastingGroups({ service: undefined }, groups), groups);
});
