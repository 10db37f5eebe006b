/** Settings of migrations, balloons and links. */

import type { Change } from "./changed_vm.ts";

const CAPABILITIES = [
  ...["xbzrle", "auto-converge", "release-ram", "validate-uuid"],
  ...["late-block-activate", "postcopy-blocktime", "events"],
  "pause-before-switchover",
];
const HARMFUL = [
  ...["return-path", "multifd", "mapped-ram", "postcopy-ram", "dirty-bitmaps"],
  ...["x-ignore-shared", "switchover-ack"],
];

const capability = (capability: string, state: boolean) => ({
  capabilities: [{ capability, state }],
});

/** Those that an update carries over. */
export const SETTINGS: readonly Change[] = [
  {
    name: "migrate-set-parameters",
    apply: async (it) =>
      void await it.run(
        "migrate-set-parameters",
        it.random.one([
          { "max-bandwidth": 1 + it.random.below(1 << 30) },
          { "downtime-limit": it.random.below(2000) },
          { "cpu-throttle-initial": 1 + it.random.below(9) },
          { "multifd-channels": 2 + it.random.below(9) },
          { "tls-hostname": it.name("host") },
          { mode: "cpr-exec", "cpr-exec-command": ["/bin/false", "a b"] },
          { mode: "cpr-transfer" },
          { mode: "normal" },
          { "xbzrle-cache-size": 4096 << it.random.below(8) },
        ]),
      ),
  },
  {
    name: "migrate-set-capabilities",
    apply: async (it) =>
      void await it.run(
        "migrate-set-capabilities",
        capability(it.random.one(CAPABILITIES), it.chance(0.7)),
      ),
  },
  {
    name: "balloon",
    apply: async (it) =>
      void await it.run("balloon", { value: (32 + it.random.below(32)) << 20 }),
  },
  {
    name: "polling interval of a balloon",
    apply: async (it) =>
      void await it.run("qom-set", {
        path: "/machine/peripheral/balloon",
        property: "guest-stats-polling-interval",
        value: it.random.below(9),
      }),
  },
  {
    name: "set_link",
    apply: async (it) =>
      void await it.run("set_link", {
        name: it.oneOf(it.all("nic")).id,
        up: it.chance(0.5),
      }),
  },
];

/** Those that are refused by name. */
export const REFUSED_SETTINGS: readonly Change[] = [
  {
    name: "migrate-set-capabilities that cpr-exec does not stand",
    apply: async (it) => {
      const name = it.random.one(HARMFUL);
      await it.run("migrate-set-capabilities", capability(name, true));
      const undo = async () =>
        void await it.run("migrate-set-capabilities", capability(name, false));
      return { check: "capabilities", undo };
    },
  },
];
