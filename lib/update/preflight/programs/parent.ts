import { ok, type PreflightCheck, warn } from "../check.ts";

/** The VM does not end with the process that started it. */
export const parent: PreflightCheck = {
  id: "parent",
  run({ next }) {
    const bound = next.values("run-with")
      .some((it) => it.boolean("exit-with-parent") === true);
    return Promise.resolve(
      bound
        ? warn(
          "The VM ends with its parent (-run-with exit-with-parent=on), and " +
            "after a rollback it would not any more: it has no such parent then",
          "See that the VM's supervisor finds and ends it after a rollback",
        )
        : ok("the VM does not end with its parent"),
    );
  },
};
