import type { Rule } from "../rule.ts";

/** A daemon stays one over an exec; to become one again would fork. */
export const stayDaemon: Rule = (draft) => {
  for (const argument of draft.of("daemonize")) {
    draft.remove(
      argument,
      "the process is a daemon already and would get another pid",
    );
  }
};
